"""Which versions made a result: this library's and those of the packages that bytes depend on."""

from __future__ import annotations

import platform
from importlib import metadata

PACKAGES = ("fleetloop", "numpy", "numba", "pybullet", "gymnasium", "opencv-python-headless")


def installed_versions() -> dict[str, str]:
    """Versions of Python and of `PACKAGES`; what is not installed is left out."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
