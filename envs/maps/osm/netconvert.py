"""SUMO's `netconvert` as another importer: it runs as a process of its own, and may fail.

It makes OpenDRIVE of an extract, which our reader of OpenDRIVE takes; buildings and trees are read
by us. With some options it crashes on some extracts, so several sets of options are tried, with
time-outs, and what comes out has to pass the validator.
"""

from __future__ import annotations

import copy
import gzip
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fleetloop.core.errors import ConfigError, FleetloopError, StorageError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.freeze import assemble
from fleetloop.envs.maps.opendrive.parse import read_document
from fleetloop.envs.maps.opendrive.source import fill
from fleetloop.envs.maps.osm.parse import MAX_BYTES
from fleetloop.envs.maps.validate import validate

TIMEOUT_S = 120.0
_TOLD = 300

_PLAIN = (
    "--geometry.remove", "--roundabouts.guess", "--ramps.guess", "--junctions.join",
    "--tls.guess-signals", "--tls.join", "--osm.turn-lanes", "--osm.elevation", "false",
    "--keep-edges.by-vclass", "passenger", "--remove-edges.isolated", "--no-turnarounds",
)  # fmt: skip
OPTIONS: tuple[tuple[str, ...], ...] = (
    (*_PLAIN, "--sidewalks.guess", "--crossings.guess"),
    _PLAIN,
    (
        "--geometry.remove",
        "--keep-edges.by-vclass",
        "passenger",
        "--tls.guess-signals",
        "--no-turnarounds",
    ),
)
"""Sets of options from the best to the safest."""


def find_netconvert() -> Path | None:
    """The executable: in SUMO_HOME, on the PATH, or in the package `eclipse-sumo`; None without."""
    places = []
    if home := os.environ.get("SUMO_HOME"):
        places.append(Path(home) / "bin" / "netconvert")
    if found := shutil.which("netconvert"):
        places.append(Path(found))
    package = importlib.util.find_spec("sumo")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        places.append(Path(folder) / "bin" / "netconvert")
    return next((place for place in places if os.access(place, os.X_OK)), None)


def convert(
    path: Path,
    executable: Path,
    *,
    left_hand: bool,
    origin: tuple[float, float],
    timeout_s: float = TIMEOUT_S,
    options: Sequence[tuple[str, ...]] = OPTIONS,
) -> NetworkBuilder:
    """Makes a network by netconvert.

    Args:
        path: OpenStreetMap XML, plain or gzip-packed.
        executable: Of netconvert.
        left_hand: Whether traffic keeps to the left.
        origin: Degrees of x = y = 0.
        timeout_s: For each try.
        options: Sets of options, tried one after the other.

    Returns:
        A builder that passes the validator.

    Raises:
        ConfigError: No set of options gave a network that can be used; with the reasons.
    """
    reasons = []
    with tempfile.TemporaryDirectory(prefix="fleetloop-netconvert-") as name:
        folder = Path(name)
        _unpack(path, folder / "map.osm")
        for chosen in options:
            command = _command(executable, chosen, left_hand=left_hand, origin=origin)
            try:
                _run(command, folder, executable, timeout_s)
                builder = _read(folder / "map.xodr", left_hand=left_hand, origin=origin)
                _check(builder)
            except FleetloopError as error:
                reasons.append(str(error))
                continue
            finally:
                (folder / "map.xodr").unlink(missing_ok=True)
            return builder
    raise ConfigError(f"netconvert gave no map that can be used: {' / '.join(reasons)}")


def _command(
    executable: Path, options: Sequence[str], *, left_hand: bool, origin: tuple[float, float]
) -> list[str]:
    lat, lon = origin
    plane = f"+proj=tmerc +lat_0={lat} +lon_0={lon} +k=1 +x_0=0 +y_0=0 +ellps=WGS84 +units=m"
    side = ["--lefthand"] if left_hand else []
    return [
        str(executable), "--osm-files", "map.osm", "--opendrive-output", "map.xodr",
        "--proj", plane, "--offset.disable-normalization", "true", "--no-warnings", *side, *options,
    ]  # fmt: skip


def _unpack(path: Path, copy_to: Path) -> None:
    """Copies a file unpacked, as netconvert wants it, no more than is read of any map."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rb") as source:
            data = source.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise StorageError(f"The map {path} cannot be read: {error}. Check the path.") from error
    if len(data) > MAX_BYTES:
        raise StorageError(f"{path.name} is larger than {MAX_BYTES >> 20} MB: cut the map.")
    copy_to.write_bytes(data)


def _run(command: list[str], folder: Path, executable: Path, timeout_s: float) -> None:
    """Runs netconvert.

    Raises:
        ConfigError: It took too long, failed, or wrote nothing.
    """
    environment = {"PATH": os.environ.get("PATH", ""), "SUMO_HOME": str(executable.parent.parent),
                   "LC_ALL": "C", "HOME": str(folder)}  # fmt: skip
    try:
        # The output goes to a file: a process that floods a pipe would fill our memory.
        with (folder / "said.txt").open("wb") as said:
            done = subprocess.run(
                command, cwd=folder, env=environment, timeout=timeout_s, check=False,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"it was stopped after {timeout_s:g} s") from error
    except OSError as error:
        raise ConfigError(f"it cannot be started ({error})") from error
    with (folder / "said.txt").open("rb") as said:
        last = said.read(64 * 1024).decode("utf-8", "replace").strip()[-_TOLD:]
    if done.returncode != 0:
        raise ConfigError(f"it ended with {done.returncode} ({last or 'no word'})")
    if not (folder / "map.xodr").is_file():
        raise ConfigError(f"it wrote no OpenDRIVE ({last or 'no word'})")


def _read(path: Path, *, left_hand: bool, origin: tuple[float, float]) -> NetworkBuilder:
    """Reads what netconvert wrote: roads of one direction each, without a rule of the side."""
    document = read_document(path)
    builder = NetworkBuilder(
        name=document.name, source=path.name, licence="", left_hand=left_hand, origin_lat_lon=origin
    )
    fill(builder, document)
    return builder


def _check(builder: NetworkBuilder) -> None:
    """Raises if the network may not be used; the builder stays as it is."""
    found = validate(assemble(copy.deepcopy(builder.drafts)))
    if not found.ok:
        raise ConfigError(" ".join(found.problems)[:_TOLD])
