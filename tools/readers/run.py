"""Loads exports with the real readers, each in an environment of its own, and prints a table.

    make readers
    python tools/readers/run.py [--only FORMAT ...] [--drive LOGS] [--human LOGS] [--place FOLDER]
                                [--again]

Records short episodes of a car in traffic and of a humanoid at a sink (22 together) unless
recordings are given, exports them in every format, and hands each export to the tool that its users
have. The exit code is 1 if one fails. Environments are made once, in `build/readers`; the first run
fetches about 3 GB for all. A run that was stopped goes on: episodes that are there are kept unless
they were made with another configuration or format of logs (`logs.py`), and a check that passed is
made anew only with `--again`, or when the logs, the reader or our code of data sets are others.

With READERS_TORCH_INDEX set to an index of CPU wheels of PyTorch, LeRobot runs on its own Python
3.12; without it on 3.11, with its type parameters rewritten (`lower.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from logs import RECORDINGS, log_folder, stamp_of

from envs import ENVS, make_env, make_exporters

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@dataclass(frozen=True)
class Reader:
    """One check.

    Attributes:
        form: Export format, or `log` for the recording itself.
        env: In `ENVS`.
        script: Of this folder.
        options: Of the export.
    """

    form: str
    env: str
    script: str
    options: tuple[str, ...] = ()


LEROBOT = "lerobot" if os.environ.get("READERS_TORCH_INDEX") else "lerobot311"
READERS = {
    "log": Reader("log", "tools", "read_log.py"),
    "lerobot": Reader("lerobot", LEROBOT, "read_lerobot.py", ("--set", "labels=true")),
    "nuscenes": Reader("nuscenes", "nuscenes", "read_nuscenes.py"),
    "coco": Reader("coco", "tools", "read_coco.py"),
    "rerun": Reader("rerun", "tools", "read_rerun.py"),
    "minari": Reader("minari", "tools", "read_minari.py"),
    "ros2": Reader("ros2", "tools", "read_ros2.py"),
    "kitti": Reader("kitti", "tools", "read_kitti.py"),
    "webdataset": Reader("webdataset", "tools", "read_webdataset.py"),
    "robomimic": Reader("robomimic", "robomimic", "read_robomimic.py"),
    "rlds": Reader("rlds", "rlds", "read_rlds.py"),
}


def fleetloop(
    python: Path, *arguments: str, timeout_s: float = 3600.0
) -> subprocess.CompletedProcess[str]:
    """Runs our own command line."""
    code = "from fleetloop.loop.cli import main; main()"
    return subprocess.run(
        [str(python), "-c", code, *arguments],
        capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip


def recordings(place: Path, given: dict[str, Path | None]) -> dict[str, Path]:
    """Folders of logs, recorded where none was given."""
    found = {}
    for name, recording in RECORDINGS.items():
        folder = given[name]
        if folder is None:
            folder = log_folder(place / "logs", name, stamp_of(recording))
            print(f"recording {recording.episodes} episodes into {folder}", flush=True)
            done = fleetloop(
                Path(sys.executable), "record", "--out", str(folder), *recording.options()
            )
            if done.returncode:
                raise SystemExit(f"recording failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        found[name] = folder
    return found


def check(reader: Reader, name: str, logs: Path, place: Path, ours: Path) -> tuple[str, str]:
    """Exports and reads; returns `ok`, `FAILED` or `skipped`, and what the reader said."""
    logs_place = place / "told"
    logs_place.mkdir(parents=True, exist_ok=True)
    python = make_env(reader.env, place / "envs", logs_place / f"env-{reader.env}.txt")
    if isinstance(python, str):
        return "skipped", python
    target = logs
    if reader.form != "log":
        target = place / "exports" / f"{reader.form}-{name}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.rmtree(target.with_name(target.name + ".part"), ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        done = fleetloop(ours, "export", reader.form, str(logs), str(target), *reader.options)
        if done.returncode:
            return "FAILED", "export: " + last_line(done.stdout + done.stderr)
        done = fleetloop(ours, "validate", str(target))
        if done.returncode:
            return "FAILED", "validate: " + last_line(done.stdout)
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1", "HF_HOME": str(place / "hf"), "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "Agg", "PYTHONPATH": "",
    }  # fmt: skip
    out = logs_place / f"{reader.form}-{name}.txt"
    with out.open("w") as told:
        done_code = subprocess.run(
            [str(python), str(HERE / reader.script), str(target), name],
            stdout=told, stderr=subprocess.STDOUT, timeout=1200, env=environment, check=False,
        ).returncode  # fmt: skip
    said = last_line(out.read_text())
    return ("ok" if done_code == 0 else "FAILED"), said


def key_of(reader: Reader, logs: Path) -> str:
    """Hash of all that a check depends on: logs, the reader with its packages, our code."""
    digest = hashlib.sha256(repr((reader, ENVS[reader.env])).encode())
    for path in sorted(logs.glob("*.mcap")):
        told = path.stat()
        digest.update(repr((path.name, told.st_size, told.st_mtime_ns)).encode())
    code = [HERE / reader.script]
    for room in ("core", "datasets"):
        code += sorted((ROOT / room).rglob("*.py"))
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def passed(note: Path, key: str) -> str | None:
    """What a reader said in an earlier run that passed and still holds."""
    if not note.exists():
        return None
    told = json.loads(note.read_text())
    return str(told["said"]) if told["key"] == key else None


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def main() -> None:
    """Runs the checks and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--only", nargs="*", choices=READERS, default=list(READERS))
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--human", type=Path)
    parser.add_argument("--place", type=Path, default=ROOT / "build" / "readers")
    parser.add_argument("--again", action="store_true", help="Make checks that passed anew.")
    chosen = parser.parse_args()
    place = chosen.place.resolve()
    index = os.environ.get("READERS_TORCH_INDEX")
    if index:
        os.environ["PIP_EXTRA_INDEX_URL"] = index
    ours = make_exporters(place / "envs")
    logs = recordings(place, {"drive": chosen.drive, "human": chosen.human})
    rows = []
    for form in chosen.only:
        for name, folder in logs.items():
            begin = time.monotonic()
            note, key = place / "told" / f"{form}-{name}.json", key_of(READERS[form], folder)
            said = None if chosen.again else passed(note, key)
            state = "ok before" if said is not None else ""
            if said is None:
                state, said = check(READERS[form], name, folder, place, ours)
                if state == "ok":
                    note.write_text(json.dumps({"key": key, "said": said}))
            rows.append((form, name, state, f"{time.monotonic() - begin:.0f} s", said))
            print("  ".join(f"{cell:10}" for cell in rows[-1]), flush=True)
    bad = [row for row in rows if row[2] == "FAILED"]
    print(f"{len(rows)} checks, {len(bad)} failed, {sum(r[2] == 'skipped' for r in rows)} skipped.")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
