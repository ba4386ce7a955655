"""Checks, without a network, that requirements.lock meets all that pyproject.toml requires."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def problems() -> list[str]:
    """One line for each requirement that the lock does not meet."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    lock = Path("requirements.lock").read_text()
    locked: dict[str, list[Version]] = {}
    for name, version in LOCKED.findall(lock):
        locked.setdefault(canonicalize_name(name), []).append(Version(version))
    found = []
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        versions = locked.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(v, prereleases=True) for v in versions):
            have = ", ".join(map(str, versions)) or "nothing"
            found.append(f"requirements.lock has {have} for {text!r}: run `make lock`.")
    if "torch" in locked:
        found.append("requirements.lock holds torch, which is gigabytes: keep it in the extra.")
    return found


if __name__ == "__main__":
    lines = problems()
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.exit(1 if lines else 0)
