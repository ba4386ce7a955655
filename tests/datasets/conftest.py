"""A made-up recording with one of every stream, without physics."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.digest import EpisodeDigest
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.frames import Pose, quaternion_from_rotation_vector
from fleetloop.core.objects import Objects
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import EpisodeMeta, Event, Outcome, Sample, Step, frozen_array

GRID = (8, 32)
SCHEMAS = {
    "eye": Schema(
        {
            "rgb": Field(shape=(24, 32, 3), dtype="uint8", unit="sRGB"),
            "depth_m": Field(shape=(24, 32), dtype="float32", unit="m", low=0, high=100),
            "instance": Field(shape=(24, 32), dtype="int32", unit="id", privileged=True),
            "semantic": Field(shape=(24, 32), dtype="uint8", unit="id", privileged=True),
            "exposure_s": Field(shape=(), dtype="float32", unit="s", low=0, high=1),
        }
    ),
    "lidar": Schema(
        {
            "range_m": Field(shape=GRID, dtype="float32", unit="m", low=0, high=200),
            "point_m": Field(shape=(*GRID, 3), dtype="float32", unit="m", frame="sensor"),
            "valid": Field(shape=GRID, dtype="bool", unit="1"),
            "ring": Field(shape=(GRID[0],), dtype="int16", unit="id"),
        }
    ),
    "gnss": Schema(
        {
            "latitude_rad": Field(shape=(), dtype="float64", unit="rad"),
            "longitude_rad": Field(shape=(), dtype="float64", unit="rad"),
            "altitude_m": Field(shape=(), dtype="float64", unit="m"),
        }
    ),
    "never": Schema({"count": Field(shape=(2,), dtype="int64", unit="1")}),
}


def drawn(field: Field, rng: np.random.Generator) -> np.ndarray:
    """An array that fits a field."""
    low, high = field.bounds
    if field.dtype == "bool":
        return rng.random(field.shape) < 0.5
    if field.dtype.startswith("float"):
        low, high = max(low, -50.0), min(high, 50.0)
        return np.asarray(rng.uniform(low, high, field.shape)).astype(field.dtype)
    return np.asarray(rng.integers(int(low), int(high), field.shape)).astype(field.dtype)


def make_sample(sensor: str, seq: int, t_ns: int, rng: np.random.Generator) -> Sample:
    """A sample of `SCHEMAS[sensor]` with drawn contents."""
    turn = quaternion_from_rotation_vector(rng.normal(size=3))
    return Sample(
        sensor=sensor,
        seq=seq,
        t_capture_start_ns=t_ns,
        t_capture_ns=t_ns + 3,
        t_arrival_ns=t_ns + 30_000_001,
        world_T_sensor=Pose(rng.normal(size=3), turn),
        data={n: frozen_array(drawn(f, rng)) for n, f in SCHEMAS[sensor].items()},
        faults=("dirty_lens",) if seq == 1 else (),
    )


def make_step(index: int, rng: np.random.Generator) -> Step:
    """A step with everything that a step may have."""
    t_ns = (index + 1) * 100_000_000
    events = (Event(t_ns=t_ns, kind="collision", detail={"with": "tree", "speed_m_s": 0.1}),)
    return Step(
        index=index,
        t_ns=t_ns,
        action=frozen_array(rng.normal(size=2), np.float32),
        reward_terms={"progress": float(rng.normal()), "comfort": -1e-17},
        terminated=index == 3,
        truncated=False,
        events=events if index == 2 else (),
        truth={"speed_m_s": np.array(1.5), "path_m": rng.normal(size=(4, 2))},
        goal={"place_m": frozen_array(rng.normal(size=2), np.float32)},
    )


def make_objects(t_ns: int, *, complete: bool, x_m: float) -> Objects:
    """A car that drives, and at the start a house and a person with two key points."""
    count = 3 if complete else 1
    points = 2 if complete else 0
    place = np.array([[x_m, 0.5, 0.0], [20.0, 8.0, 0.0], [5.0, -3.0, 0.1]])[:count]
    return Objects(
        t_ns=t_ns,
        complete=complete,
        names=("robot", "house", "person")[:count],
        instance_id=np.array([1, 2, 3], np.int32)[:count],
        semantic=np.array([15, 6, 13], np.uint8)[:count],
        position_m=place,
        quaternion_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)),
        linear_m_s=np.array([[10.0, 0, 0], [0, 0, 0], [0, 0, 0]])[:count],
        angular_rad_s=np.zeros((count, 3)),
        box_center_m=np.array([[1.4, 0, 0.7], [0, 0, 3.0], [0, 0, 0.85]])[:count],
        box_size_m=np.array([[4.7, 1.85, 1.4], [8, 10, 6.0], [0.4, 0.6, 1.7]])[:count],
        key_point_names=("nose", "left_knee")[:points],
        key_point_instance=np.array([3, 3], np.int32)[:points],
        key_point_m=np.array([[5.1, -3.0, 1.6], [5.0, -2.9, 0.6]])[:points],
    )


def make_dynamics(t_ns: int, *, complete: bool) -> Dynamics:
    """The car on two of its wheels, and at the start the house."""
    count = 2 if complete else 1
    return Dynamics(
        t_ns=t_ns,
        complete=complete,
        contacts_found=2,
        names=("robot", "house")[:count],
        instance_id=np.array([1, 2], np.int32)[:count],
        mass_kg=np.array([1850.0, 0.0])[:count],
        friction=np.array([0.4, 0.8])[:count],
        kinetic_j=np.array([92_500.0, 0.0])[:count],
        potential_j=np.array([8344.0, 0.0])[:count],
        has_battery=np.array([True, False])[:count],
        drawn_j=np.array([1e5, 0.0])[:count],
        contact_parts=("wheel_fl", "wheel_rr"),
        contact_instance=np.array([[1, 0], [1, 0]], np.int32),
        contact_m=np.array([[1.0, 0.8, 0.0], [-1.0, -0.8, 0.0]]),
        contact_normal=np.array([[0.0, 0.0, 1.0]] * 2),
        contact_normal_n=np.array([9071.0, 9071.3]),
        contact_friction_n=np.array([[300.0, 0.0, 0.0], [-20.0, 5.0, 0.0]]),
        contact_friction=np.array([1.0, 0.9]),
        contact_has_force=np.array([True, True]),
    )


META = EpisodeMeta(
    episode_id="made-up-7",
    seed=7,
    task="test/MadeUp-v0",
    robot="nobody",
    config={"sensors": [{"kind": "camera", "name": "eye"}], "control_hz": 10.0},
    config_hash="ab" * 32,
    policy="random",
    versions={"fleetloop": "0"},
    draws={"friction": 0.9},
)


def added(sink, record) -> None:
    """Hands a record to a writer or a digest, which takes no dynamics."""
    if isinstance(record, Step):
        sink.add_step(record)
    elif isinstance(record, Objects):
        sink.add_objects(record)
    elif isinstance(record, Dynamics):
        if not isinstance(sink, EpisodeDigest):
            sink.add_dynamics(record)
    else:
        sink.add_sample(record)


class MadeUp:
    """Four steps with the samples before each, in order."""

    meta = META
    schemas = SCHEMAS

    def __init__(self, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        self.records: list[Sample | Objects | Dynamics | Step] = []
        for index in range(4):
            t_ns = index * 100_000_000 + 3
            self.records.append(make_objects(t_ns, complete=index == 0, x_m=float(index)))
            for sensor in ("eye", "lidar", "gnss"):
                self.records.append(make_sample(sensor, index, index * 100_000_000, rng))
            self.records.append(make_dynamics(t_ns, complete=index == 0))
            self.records.append(make_step(index, rng))

    @staticmethod
    def digest(records) -> str:
        digest = EpisodeDigest()
        for record in records:
            added(digest, record)
        return digest.hexdigest()

    @property
    def outcome(self) -> Outcome:
        return Outcome(
            steps=4,
            duration_s=0.4,
            total_reward=1.0,
            success=True,
            cause="done",
            digest=self.digest(self.records),
        )

    def write(self, writer, *, end: bool = True) -> None:
        """Hands the episode to a writer."""
        writer.begin(META, SCHEMAS)
        for record in self.records:
            added(writer, record)
        if end:
            writer.end(self.outcome)

    def write_as(self, writer, meta) -> None:
        """The same under other metadata."""
        writer.begin(meta, SCHEMAS)
        for record in self.records:
            added(writer, record)
        writer.end(self.outcome)


@pytest.fixture
def made_up() -> MadeUp:
    return MadeUp()


@pytest.fixture(scope="session")
def street(tmp_path_factory):
    """Half a second on a street: a labelled camera, a LiDAR and body sensors."""
    from fleetloop.datasets.recording import RecordedEpisode
    from fleetloop.loop.record import RecordPlan, record

    plan = RecordPlan(
        out=tmp_path_factory.mktemp("street"),
        task="fleetloop/LaneFollow-v0",
        episodes=1,
        seed=3,
        max_steps=5,
        env_options={"rig": "front"},
    )
    done = record(plan, lambda number, step: None, lambda number, recorded: None)
    return RecordedEpisode(done[0].path)


@pytest.fixture(scope="session")
def fleet(street, tmp_path_factory):
    """The street as two episodes of their own names, the second cut after three steps."""
    from dataclasses import replace

    from fleetloop.datasets.log.writer import EpisodeWriter
    from fleetloop.datasets.recording import Recording

    folder = tmp_path_factory.mktemp("fleet")
    for number, steps in enumerate((5, 3)):
        meta = replace(street.meta, episode_id=f"drive-{number}", seed=number)
        with EpisodeWriter(folder) as writer:
            writer.begin(meta, street.schemas)
            for record in street.log.records():
                added(writer, record)
                if isinstance(record, Step) and record.index == steps - 1:
                    break
            writer.end(replace(street.outcome, steps=steps, digest=""))
    return Recording(folder)
