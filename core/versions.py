"""Which versions made a result: this library's, its very code, and the packages bytes depend on."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

PACKAGES = ("fleetloop", "numpy", "numba", "pybullet", "gymnasium", "opencv-python-headless")

CODE = "fleetloop-code"
"""Name among the versions of the hash of the source code itself."""

ROOMS = ("core", "envs", "datasets", "agents")
"""Folders that an episode's bytes can depend on."""


def installed_versions() -> dict[str, str]:
    """Versions of Python and of `PACKAGES`, and the hash of the code.

    What is not installed is left out.
    """
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions | {CODE: code_hash()}


@lru_cache(maxsize=1)
def code_hash() -> str:
    """The first 16 hexadecimal digits of SHA-256 over all source files of `ROOMS`.

    The same for a checkout, with what was edited in it and not committed, and for a wheel of it.
    """
    root = Path(__file__).resolve().parent.parent
    return hash_of_sources(root, ROOMS)


def hash_of_sources(root: Path, rooms: Iterable[str]) -> str:
    """Hash over names and contents of the Python files in some folders of `root`."""
    paths = [path for room in rooms for path in (root / room).rglob("*.py")]
    named = sorted((path.relative_to(root).as_posix(), path) for path in paths)
    digest = hashlib.sha256()
    for name, path in named:
        for part in (name.encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()[:16]
