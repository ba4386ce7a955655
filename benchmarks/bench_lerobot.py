"""What a frame of LeRobot export costs, beside LeRobot's own streaming writer: one run.

    python benchmarks/bench_lerobot.py [--rival PYTHON] [--frames 150] [--repeats 3]

One 640x480 camera, AV1 with LeRobot's settings (preset 12, crf 30, key frame every 2). Ours begins
at the log: JPEG is decoded, which LeRobot's writer does not have to. CPU time of the whole process,
the smallest of the repeats. PYTHON is one that has LeRobot, such as
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
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording

FPS = 30
TARGET_RATIO = 1.5
SCHEMAS = {
    "eye": Schema({"rgb": Field(shape=(480, 640, 3), dtype="uint8", unit="sRGB")}),
    "joints": Schema({"position_rad": Field(shape=(6,), dtype="float32", unit="rad")}),
}
META = EpisodeMeta(
    episode_id="bench", seed=0, task="bench/Bench-v0", robot="none", config={"control_hz": FPS},
    config_hash="", policy="none", versions={},
)  # fmt: skip


def record(folder: Path, made: list[np.ndarray], frames: int) -> Recording:
    """A log of one camera and one state, a step a frame."""
    with EpisodeWriter(folder) as writer:
        writer.begin(META, SCHEMAS)
        for number in range(frames):
            t_ns = number * 1_000_000_000 // FPS
            for sensor, name, data in (
                ("eye", "rgb", made[number % len(made)]),
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


def theirs_cpu_s(python: str, file: Path, out: Path) -> float:
    """CPU seconds of LeRobot's writer over the same pictures."""
    script = Path(__file__).with_name("rival_lerobot.py")
    done = subprocess.run(
        [python, str(script), str(file), str(out)], capture_output=True, text=True, timeout=900,
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
        recording = record(place / "log", made, chosen.frames)
        ours = min(ours_cpu_s(recording, place / f"o{k}") for k in range(chosen.repeats))
        rate = chosen.frames / ours
        print(f"export from the log        {1e3 / rate:8.2f} ms CPU a frame, {rate:6.0f} a CPU-s")
        if chosen.rival:
            np.save(place / "pictures.npy", np.stack(made))
            theirs = min(
                theirs_cpu_s(chosen.rival, place / "pictures.npy", place / f"t{k}")
                for k in range(chosen.repeats)
            )
            print(f"LeRobot's streaming writer {1e3 * theirs / chosen.frames:8.2f} ms CPU a frame")
            print(f"ratio                      {theirs / ours:8.2f} (bar {TARGET_RATIO})")
        few = peak_mib(record(place / "few", made, 100), place / "few-out")
        many = peak_mib(record(place / "many", made, 1000), place / "many-out")
        print(f"peak memory of Python      {few:8.1f} / {many:.1f} MiB for 100 / 1000 frames")


if __name__ == "__main__":
    main()
