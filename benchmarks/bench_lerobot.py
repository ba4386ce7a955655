"""What LeRobot export and random access cost, beside LeRobot's own writer and reader: one run.

    python benchmarks/bench_lerobot.py [--rival PYTHON] [--frames 150] [--repeats 3]

One 640x480 camera, AV1 with LeRobot's settings (preset 12, crf 30, key frame every 2). Ours begins
at the log: JPEG is decoded, which LeRobot's writer does not have to. Items that are read hold two
such cameras, a state and an action: LeRobot's from its videos (PyAV), ours from the log by the
loader. CPU time of the whole process, the smallest of the repeats, ours and theirs in turn. PYTHON
is one that has LeRobot, such as
`build/readers/envs/lerobot311/bin/python` after `make readers`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from bench_record import pictures

from fleetloop.core.frames import Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import EpisodeMeta, Outcome, Sample, Step
from fleetloop.datasets.export import EXPORTERS
from fleetloop.datasets.export.base import export
from fleetloop.datasets.loader import WindowConfig, Windows
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording

FPS = 30
TARGET_RATIO, TARGET_READ_RATIO = 1.5, 2.0
READ_FRAMES, READ_ITEMS = 90, 120
EYES = ("left", "right")
EYE = Schema({"rgb": Field(shape=(480, 640, 3), dtype="uint8", unit="sRGB")})
JOINTS = Schema({"position_rad": Field(shape=(6,), dtype="float32", unit="rad")})
META = EpisodeMeta(
    episode_id="bench", seed=0, task="bench/Bench-v0", robot="none", config={"control_hz": FPS},
    config_hash="", policy="none", versions={},
)  # fmt: skip


def record(
    folder: Path, made: list[np.ndarray], frames: int, cameras: tuple[str, ...] = ("eye",)
) -> Recording:
    """A log of some cameras and one state, a step a frame."""
    with EpisodeWriter(folder) as writer:
        writer.begin(META, {**dict.fromkeys(cameras, EYE), "joints": JOINTS})
        for number in range(frames):
            t_ns = number * 1_000_000_000 // FPS
            for sensor, name, data in (
                *((camera, "rgb", made[number % len(made)]) for camera in cameras),
                ("joints", "position_rad", np.zeros(6, np.float32)),
            ):
                writer.add_sample(Sample(
                    sensor=sensor, seq=number, t_capture_start_ns=t_ns, t_capture_ns=t_ns,
                    t_arrival_ns=t_ns, world_T_sensor=Pose.identity(), data={name: data},
                ))  # fmt: skip
            writer.add_step(Step(
                index=number, t_ns=(number + 1) * 1_000_000_000 // FPS,
                action=np.zeros(2, np.float32), reward_terms={"r": 0.0}, terminated=False,
                truncated=False, events=(), truth={},
            ))  # fmt: skip
        writer.end(Outcome(
            steps=frames, duration_s=frames / FPS, total_reward=0.0, success=True, cause="done",
            digest="",
        ))  # fmt: skip
    return Recording(folder)


def ours_cpu_s(recording: Recording, out: Path) -> float:
    """CPU seconds of one export."""
    begin = time.process_time()
    export("lerobot", EXPORTERS.get("lerobot"), recording, out, {})
    return time.process_time() - begin


def read_cpu_s(windows: Windows) -> float:
    """CPU seconds of reading items in random order by our loader."""
    order = np.random.default_rng(1).integers(0, len(windows), READ_ITEMS).tolist()
    begin = time.process_time()
    for number in order:
        windows[number]
    return time.process_time() - begin


def theirs_cpu_s(python: str, file: Path, out: Path, *more: str) -> float:
    """CPU seconds of LeRobot's writer, or reader, over the same pictures."""
    script = Path(__file__).with_name("rival_lerobot.py")
    done = subprocess.run(
        [python, str(script), str(file), str(out), *more],
        capture_output=True, text=True, timeout=900,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": "", "SVT_LOG": "1"}, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"LeRobot's writer failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["cpu_s"])


def peak_mib(recording: Recording, out: Path) -> float:
    """Largest memory that Python held during an export."""
    tracemalloc.start()
    export("lerobot", EXPORTERS.get("lerobot"), recording, out, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def writing(place: Path, made: list[np.ndarray], chosen: argparse.Namespace) -> None:
    """Export against LeRobot's writer."""
    recording = record(place / "log", made, chosen.frames)
    ours = theirs = float("inf")
    for k in range(chosen.repeats):
        ours = min(ours, ours_cpu_s(recording, place / f"o{k}"))
        if chosen.rival:
            found = theirs_cpu_s(chosen.rival, place / "pictures.npy", place / f"t{k}")
            theirs = min(theirs, found)
    rate = chosen.frames / ours
    print(f"export from the log        {1e3 / rate:8.2f} ms CPU a frame, {rate:6.0f} a CPU-s")
    if chosen.rival:
        print(f"LeRobot's streaming writer {1e3 * theirs / chosen.frames:8.2f} ms CPU a frame")
        print(f"ratio                      {theirs / ours:8.2f} (bar {TARGET_RATIO})")


def reading(place: Path, made: list[np.ndarray], chosen: argparse.Namespace) -> None:
    """Random access against LeRobot's reader."""
    recording = record(place / "two", made, READ_FRAMES, EYES)
    observe = (*(f"{eye}.rgb" for eye in EYES), "joints.position_rad")
    windows = Windows(recording, WindowConfig(observe=observe, rate_hz=float(FPS)))
    np.save(place / "few.npy", np.stack(made[:READ_FRAMES]))
    ours = theirs = float("inf")
    for k in range(chosen.repeats):
        ours = min(ours, read_cpu_s(windows))
        if chosen.rival:
            more = ("--read", str(READ_ITEMS))
            found = theirs_cpu_s(chosen.rival, place / "few.npy", place / f"r{k}", *more)
            theirs = min(theirs, found)
    print(f"random access, two cameras {1e3 * ours / READ_ITEMS:8.2f} ms CPU an item")
    if chosen.rival:
        print(f"LeRobot's reader           {1e3 * theirs / READ_ITEMS:8.2f} ms CPU an item")
        print(f"ratio                      {theirs / ours:8.2f} (bar {TARGET_READ_RATIO})")


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rival", default="")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    made = pictures(chosen.frames)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "pictures.npy", np.stack(made))
        writing(place, made, chosen)
        reading(place, made, chosen)
        few = peak_mib(record(place / "few", made, 300), place / "few-out")
        many = peak_mib(record(place / "many", made, 900), place / "many-out")
        print(f"peak memory of Python      {few:8.1f} / {many:.1f} MiB for 300 / 900 frames")


if __name__ == "__main__":
    main()
