"""Folders of results that are written once, each with a manifest of what made it and what it holds.

A folder grows under a name that ends in `.part` and gets its own name when it is whole, so that
what has its name is whole, whatever killed the process. Within it, each job's folder does the same:
jobs that were done before a kill are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetloop.core.config import from_json, to_json
from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import ConfigError, DamagedFileError, StorageError
from fleetloop.datasets.recording import file_sha256

MANIFEST = "manifest.json"
PART = ".part"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KEY_DIGITS = 16
_LARGEST_MANIFEST_BYTES = 1 << 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What made a folder, and what is in it. Holds no time of day and no name of a machine.

    Attributes:
        kind: What made it.
        version: Of the kind.
        key: Hash of all that the result follows from, see `stage_key`.
        options: Of the stage.
        inputs: Folder name of each input by the name under which it was read.
        input_digests: Their digests.
        files: SHA-256 by path within the folder, without the manifest.
        digest: SHA-256 over `files`: the content of the folder in one line.
    """

    kind: str
    version: int
    key: str
    options: Mapping[str, Any]
    inputs: Mapping[str, str]
    input_digests: Mapping[str, str]
    files: Mapping[str, str]
    digest: str


class StageStore:
    """All results of a campaign.

    Args:
        root: The folder that they lie in; made if it is not there.

    Raises:
        StorageError: It cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot make {root}: {error.strerror or error}.") from error

    def folder(self, kind: str, key: str) -> Path:
        """Where a result is, or will be; stages of one key share it, whatever their names."""
        if not _NAME.fullmatch(kind):
            raise ConfigError(f"The kind {kind!r} is no file name: use letters, digits, _ . and -.")
        return self.root / f"{kind}-{key[:_KEY_DIGITS]}"

    def find(self, kind: str, key: str) -> Manifest | None:
        """The manifest of a result that is whole; None if it is not there yet.

        Raises:
            DamagedFileError: It is there, and its files are not what was written.
        """
        folder = self.folder(kind, key)
        if not folder.is_dir():
            return None
        manifest = read_manifest(folder)
        if manifest.key != key:
            raise DamagedFileError(f"{folder} is the result of another key: delete it.")
        check_files(folder, manifest)
        return manifest

    def begin(self, kind: str, key: str) -> Path:
        """The folder in which a result grows; with the jobs that were done before a stop."""
        folder = self.folder(kind, key)
        part = folder.with_name(folder.name + PART)
        part.mkdir(exist_ok=True)
        return part

    def finish(self, manifest: Manifest) -> Path:
        """Gives a result its name.

        Args:
            manifest: What made it; `files` and `digest` are filled in here.
        """
        folder = self.folder(manifest.kind, manifest.key)
        part = folder.with_name(folder.name + PART)
        remove_left(part)
        data = to_json(manifest)
        data["files"] = file_digests(part)
        data["digest"] = hashlib.sha256(canonical_json(data["files"]).encode()).hexdigest()
        write_whole(part / MANIFEST, json.dumps(data, indent=1, sort_keys=True) + "\n")
        os.replace(part, folder)
        _sync(self.root)
        return folder


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a result.

    Raises:
        StorageError: It is not there.
        DamagedFileError: It is not of that form.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _LARGEST_MANIFEST_BYTES:
            raise DamagedFileError(f"{path} is too large for a manifest.")
        text = path.read_text()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    try:
        return from_json(Manifest, json.loads(text))
    except ValueError as error:
        raise DamagedFileError(f"{path} is no manifest: {error}") from error


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compares the files of a result with its manifest.

    Raises:
        DamagedFileError: A file is missing, new, or changed.
    """
    found = file_digests(folder)
    if found != dict(manifest.files):
        names = sorted(
            name
            for name in {*found, *manifest.files}
            if found.get(name) != manifest.files.get(name)
        )
        raise DamagedFileError(
            f"{folder} is not what was written: {', '.join(names[:3])} differ. Delete the folder "
            "to have it made again."
        )


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder by its path in it, the manifest left out."""
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def remove_left(part: Path) -> None:
    """Removes what a killed process left half written in a folder."""
    for left in part.glob("*" + PART):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def job_part(stage_part: Path, job: str) -> Path:
    """An empty folder for a job to write into; its name tells who writes."""
    part = stage_part / f"{job}.{socket.gethostname()}-{os.getpid()}{PART}"
    if part.exists():
        shutil.rmtree(part)
    # Not its parents: where the stage is finished or gone, this job is not wanted any more.
    part.mkdir()
    return part


def keep_job(part: Path, folder: Path) -> None:
    """Gives a job's folder its name; the first one to do so wins."""
    if folder.exists():
        shutil.rmtree(part)
        return
    for path in part.rglob("*"):
        if path.is_file():
            _sync(path)
    os.replace(part, folder)
    _sync(folder.parent)


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    part = path.with_name(path.name + PART)
    try:
        part.write_text(text)
        _sync(part)
        os.replace(part, path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error


def _sync(path: Path) -> None:
    """Has the disk keep a file or folder: a loss of power takes nothing that has its name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
