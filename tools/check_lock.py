"""Checks, without a network, that the locks meet all that pyproject.toml requires, and agree."""

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
    asked = tomllib.loads(Path("pyproject.toml").read_text())
    project = asked["project"]
    base = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    found = unmet(base, "requirements.lock")
    found += unmet(asked["dependency-groups"]["docs"], "docs/requirements.lock")
    locked, docs = locked_versions("requirements.lock"), locked_versions("docs/requirements.lock")
    for name in sorted(set(locked) & set(docs)):
        if not set(docs[name]) <= set(locked[name]):
            # Both are installed into one environment: the later would change the former.
            found.append(f"docs/requirements.lock has another {name}: run `make lock`.")
    wanted = Requirement(project["optional-dependencies"]["train"][0])
    if f"TORCH := {str(wanted.specifier).removeprefix('==')}\n" not in Path("Makefile").read_text():
        found.append(f"The Makefile has another version of PyTorch than {str(wanted)!r}.")
    if "torch" in locked:
        found.append("requirements.lock holds torch, which is gigabytes: keep it in the extra.")
    return found


def locked_versions(path: str) -> dict[str, list[Version]]:
    """Versions by name; several where they depend on the Python."""
    locked: dict[str, list[Version]] = {}
    for name, version in LOCKED.findall(Path(path).read_text()):
        locked.setdefault(canonicalize_name(name), []).append(Version(version))
    return locked


def unmet(requirements: list[str], path: str) -> list[str]:
    """Requirements that a lock does not meet."""
    locked, found = locked_versions(path), []
    for text in requirements:
        requirement = Requirement(text)
        versions = locked.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(v, prereleases=True) for v in versions):
            have = ", ".join(map(str, versions)) or "nothing"
            found.append(f"{path} has {have} for {text!r}: run `make lock`.")
    return found


if __name__ == "__main__":
    lines = problems()
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.exit(1 if lines else 0)
