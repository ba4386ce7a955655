"""What recording costs beside the JPEG encoder, and what reading at random costs: one run.

    python benchmarks/bench_record.py [--repeats 7]

Pictures are 640x480 with sensor noise, and with each goes a record of dynamics, of 20 bodies with
12 contacts. CPU time of the whole process per frame, the smallest of the repeats; recorded are
episodes of 120 frames, their begin and end included. What the world needs to work such a record out
is told apart, for a car on a street. Memory is the peak that Python holds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from fleetloop.core.dynamics import Dynamics
from fleetloop.core.frames import Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import EpisodeMeta, Outcome, Sample, frozen_array
from fleetloop.datasets.log.streams import JPEG_QUALITY
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.envs.dynamics import DynamicsBook
from fleetloop.envs.registration import make_env

FRAMES = 60
PERIOD_NS = 33_333_333
TARGET_ADDED_MS = 1.0
TARGET_SAMPLES_PER_CPU_S = 266.0
EYES = ("left", "right")
SCHEMAS = {
    name: Schema({"rgb": Field(shape=(480, 640, 3), dtype="uint8", unit="sRGB")}) for name in EYES
}
META = EpisodeMeta(
    episode_id="bench", seed=0, task="bench", robot="none", config={}, config_hash="",
    policy="none", versions={},
)  # fmt: skip
POSE = Pose.identity()
OUTCOME = Outcome(
    steps=0, duration_s=1.0, total_reward=0.0, success=True, cause="done", digest=""
)  # fmt: skip


def dynamics(t_ns: int, bodies: int = 20, contacts: int = 12) -> Dynamics:
    """A record of a room full of things."""
    return Dynamics(
        t_ns=t_ns,
        complete=False,
        contacts_found=contacts,
        names=tuple(f"thing_{k}" for k in range(bodies)),
        instance_id=np.arange(1, bodies + 1, dtype=np.int32),
        **{
            name: np.full(bodies, 0.5 + 1e-9 * t_ns)
            for name in ("mass_kg", "friction", "kinetic_j", "potential_j", "drawn_j")
        },
        has_battery=np.ones(bodies, np.bool_),
        contact_parts=("left_foot",) * contacts,
        contact_instance=np.ones((contacts, 2), np.int32),
        contact_m=np.full((contacts, 3), 1e-9 * t_ns),
        contact_normal=np.tile([0.0, 0.0, 1.0], (contacts, 1)),
        contact_normal_n=np.full(contacts, 1e-6 * t_ns),
        contact_friction_n=np.full((contacts, 3), 1e-7 * t_ns),
        contact_friction=np.full(contacts, 0.6),
        contact_has_force=np.ones(contacts, np.bool_),
    )


def truth_ms(repeats: int) -> float:
    """CPU time in which a world works out one record, for a car on a street."""
    env = make_env("fleetloop/LaneFollow-v0", obs_mode="state")
    env.reset(seed=0)
    env.step([0.0, 0.5])
    book = DynamicsBook(env.stage, env.robot)
    book.publish(0)
    best = cheapest_ms(lambda: [book.publish(env.t_ns) for _ in range(100)], repeats, 100)
    env.close()
    return best


def pictures(count: int) -> list[np.ndarray]:
    """Smooth shapes with noise of four grey levels, as the format study had them."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:480, 0:640]
    made = []
    for number in range(count):
        wave = 110 + 70 * np.sin(columns / 61 + number / 7) + 50 * np.cos(rows / 43 - number / 9)
        base = np.stack([wave, wave[::-1], wave[:, ::-1]], axis=-1)
        noisy = base + rng.normal(0.0, 4.0, base.shape)
        made.append(frozen_array(np.clip(noisy, 0, 255).astype(np.uint8)))
    return made


def cheapest_ms(call: Callable[[], object], repeats: int, frames: int) -> float:
    """Smallest CPU time per frame of some calls."""
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return best * 1e3 / frames


def write(
    folder: Path, made: list[np.ndarray], records: Sequence[Dynamics], *, times: int = 1
) -> Path:
    """Records pictures of two cameras, and a record of dynamics with each, into one log."""
    writer = EpisodeWriter(folder)
    writer.begin(META, SCHEMAS)
    for number in range(len(made) * times):
        t_ns = number * PERIOD_NS
        writer.add_dynamics(records[number])
        writer.add_sample(
            Sample(
                sensor=EYES[number % 2], seq=number // 2, t_capture_start_ns=t_ns,
                t_capture_ns=t_ns, t_arrival_ns=t_ns, world_T_sensor=POSE,
                data={"rgb": made[number % len(made)]},
            )
        )  # fmt: skip
    writer.end(OUTCOME)
    return writer.path(META.episode_id)


def peak_mib(
    folder: Path, made: list[np.ndarray], records: Sequence[Dynamics], times: int
) -> float:
    """Largest memory that Python held while it recorded."""
    tracemalloc.start()
    write(folder, made, records, times=times)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    made = pictures(FRAMES)
    records = [dynamics(number * PERIOD_NS) for number in range(12 * FRAMES)]
    swapped = [cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) for picture in made]
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    with tempfile.TemporaryDirectory() as place:
        numbers = iter(range(10_000))

        def fresh() -> Path:
            return Path(place) / str(next(numbers))

        encoder = recorded = float("inf")
        for _ in range(repeats):
            # In turn, so that other work on the machine bears on both alike.
            encoder = min(
                encoder,
                cheapest_ms(lambda: [cv2.imencode(".jpg", p, quality) for p in swapped], 1, FRAMES),
            )
            recorded = min(
                recorded, cheapest_ms(lambda: write(fresh(), made, records, times=2), 1, 2 * FRAMES)
            )
        episode = RecordedEpisode(write(fresh(), made, records, times=5))
        order = np.random.default_rng(1).permutation(episode.count("left"))

        def read() -> None:
            for number in order.tolist():
                for eye in EYES:
                    episode.sample(eye, number, ["rgb"])

        read_ms = cheapest_ms(read, repeats, len(order))
        short, long = (peak_mib(fresh(), made, records, times) for times in (2, 12))
    truth = truth_ms(repeats)
    added = recorded - encoder
    per_s = 1e3 / read_ms
    print(f"JPEG encoder alone              {encoder:8.3f} ms per 640x480 frame")
    print(f"recording, all of it            {recorded:8.3f} ms per frame")
    print(f"recording adds                  {added:8.3f} ms per frame (bar {TARGET_ADDED_MS})")
    print(f"working out dynamics            {truth:8.3f} ms per record")
    print(f"random access, two cameras      {per_s:8.0f} samples per CPU-second"
          f" (bar {TARGET_SAMPLES_PER_CPU_S:.0f})")  # fmt: skip
    print(f"peak memory, {2 * FRAMES} / {12 * FRAMES} frames   {short:6.2f} / {long:.2f} MiB")


if __name__ == "__main__":
    main()
