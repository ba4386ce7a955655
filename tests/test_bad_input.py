"""Bad input: one clear error of the library's own kind each, that says what, which value and why.

Each row: what is done, the kind of error, and words that its message must hold (the value or name
that was wrong, and the remedy).
"""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fleetloop.agents.experts import EXPERTS
from fleetloop.core.clock import Schedule, TickRate, ns_from_s
from fleetloop.core.config import from_json, to_json
from fleetloop.core.errors import (
    ConfigError,
    DamagedFileError,
    FleetloopError,
    SchemaError,
    StateError,
    StorageError,
    UnknownNameError,
)
from fleetloop.core.frames import Pose
from fleetloop.core.lens import Lens
from fleetloop.core.rng import child_generator
from fleetloop.core.spec import Field, Schema
from fleetloop.datasets.export import EXPORTERS
from fleetloop.datasets.export.base import export, make_exporter
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.datasets.log.repair import repair
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording, logs_in
from fleetloop.datasets.resample import align
from fleetloop.envs.maps.roadside import RoadsideConfig
from fleetloop.envs.maps.track import TrackConfig
from fleetloop.envs.registration import ROBOTS, make_env, register_task, remake_env
from fleetloop.envs.rig import SensorRig
from fleetloop.envs.robots.car_params import CarParams
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.beams import beam_table
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.sensors.exposure import ExposureConfig
from fleetloop.envs.sensors.imager import ImagerConfig
from fleetloop.envs.sensors.imu import ImuConfig
from fleetloop.envs.sensors.lidar import LidarConfig
from fleetloop.envs.sensors.radar_scans import radar_scan
from fleetloop.envs.tasks.lane_follow import LaneFollowConfig
from fleetloop.envs.trace.look import look, sweep
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Mesh, Sphere
from fleetloop.envs.world import Substance, World
from fleetloop.loop.commands import COMMANDS
from fleetloop.loop.record import RecordPlan, record

LANE = "fleetloop/LaneFollow-v0"
NOWHERE = Path("/proc/nowhere")
GOOD = Field(shape=(2,), dtype="float32", unit="m")
TRIANGLE = np.eye(3, dtype=np.float32)


def imu(**options):
    return ImuConfig(name="imu", **options)


def plan(**options):
    return RecordPlan(out=Path("x"), task=LANE, **{"episodes": 1, **options})


def rig_of(*configs):
    return SensorRig(configs, TickRate(240))


ROWS = [
    # names that nobody knows
    (lambda: make_env("fleetloop/LaneFolow-v0"), UnknownNameError, "Did you mean 'fleetloop/LaneF"),
    (lambda: make_env(LANE, robot="cra"), UnknownNameError, "Did you mean 'car'"),
    (lambda: make_env(LANE, rig="fornt"), UnknownNameError, "Did you mean 'front'"),
    (lambda: SENSORS.get("ldar"), UnknownNameError, "Did you mean 'lidar'"),
    (lambda: EXPERTS.get("nope"), UnknownNameError, "Known: .*fleetloop/LaneFollow-v0"),
    (lambda: MATERIALS.get("asfalt"), UnknownNameError, "asphalt"),
    (lambda: beam_table("hdl32"), UnknownNameError, "hdl32e"),
    (lambda: register_task("me/Unknown-v0"), UnknownNameError, "me/Unknown-v0"),
    (lambda: ROBOTS.add("car", "a.b:C"), ConfigError, "already registered"),
    # options of environments
    (lambda: make_env(LANE, obs_mode="al"), ConfigError, "state, camera, range, all"),
    (lambda: make_env(LANE, render_mode="human"), ConfigError, "rgb_array"),
    (lambda: make_env(LANE, control_hz=7), ConfigError, "does not divide"),
    (lambda: make_env(LANE, control_hz=0), ConfigError, "use a number > 0"),
    (lambda: make_env(LANE, physics_hz=-5), ConfigError, "whole number from 1"),
    (lambda: make_env(LANE, threads=0), ConfigError, "whole number from 1 to 64"),
    (lambda: make_env(LANE, task_options={"distance": 5}), ConfigError, "has no field 'distance'"),
    (lambda: make_env(LANE, task_options={"distance_m": -5}), ConfigError, "use a positive number"),
    (lambda: make_env(LANE, task_options=[1]), ConfigError, "pass a mapping"),
    (lambda: make_env(LANE, robot_options={"params": {"mass_kg": "x"}}), ConfigError, "mass_kg"),
    (lambda: make_env(LANE, rig=[{"name": "x"}]), ConfigError, "does not say its kind"),
    (lambda: remake_env({"task": "x/Y-v0", "sensors": []}), UnknownNameError, "x/Y-v0"),
    (lambda: make_env(None), ConfigError, "is no name"),
    (lambda: make_env(LANE, rig=3), ConfigError, "a preset's name or a list"),
    (lambda: make_env(LANE, rig=[3]), ConfigError, "a sensor is a config"),
    (lambda: make_env(LANE, rig=[{"kind": "ldar", "name": "x"}]), UnknownNameError, "'lidar'"),
    (lambda: make_env(LANE, rig=[{"kind": "imu", "name": "x", "rate": 3}]), ConfigError, "'rate'"),
    (lambda: make_env(LANE, control_hz=math.nan), ConfigError, "use a number > 0"),
    (lambda: make_env(LANE, control_hz="10"), ConfigError, "use a number > 0"),
    (lambda: make_env(LANE, control_hz=480), ConfigError, "lower it, or raise the physics rate"),
    (lambda: make_env(LANE, physics_hz=240.0), ConfigError, "whole number from 1"),
    # calls at the wrong moment, and wrong actions
    (lambda: make_env(LANE).step(np.zeros(2)), StateError, "call reset"),
    (lambda: make_env(LANE).snapshot(), StateError, "call reset"),
    (lambda: make_env(LANE, render_mode="rgb_array").render(), StateError, "call reset"),
    (lambda: make_env(LANE).reset(seed=-1), ConfigError, "seed -1"),
    (lambda: make_env(LANE).reset(options={"x": 1}), ConfigError, "knows no options"),
    (lambda: spec().checked([0.0]), ConfigError, r"shape \(1,\), should be \(2,\)"),
    (lambda: spec().checked([0.0, math.nan]), ConfigError, "not finite in pedal"),
    (lambda: spec().checked("left"), ConfigError, "holds no numbers"),
    (lambda: running().step(None), ConfigError, "should be"),
    (lambda: running().step([0.0, 0.0, 0.0]), ConfigError, r"shape \(3,\), should be \(2,\)"),
    (lambda: running().step([[0.0, 0.0]]), ConfigError, r"shape \(1, 2\)"),
    (lambda: running().step([math.inf, 0.0]), ConfigError, "not finite in steer"),
    (lambda: closed().step([0.0, 0.0]), StateError, "make a new one"),
    (lambda: closed().reset(), StateError, "make a new one"),
    (lambda: closed().snapshot(), StateError, "make a new one"),
    (lambda: ended().step([0.0, 0.0]), StateError, "call reset"),
    (lambda: make_env(LANE).reset(seed=True), ConfigError, "no integer"),
    (lambda: make_env(LANE).reset(seed=1.5), ConfigError, "no integer"),
    (lambda: make_env(LANE, rig=[imu(link="roof")]).reset(), ConfigError, "the robot has: base"),
    # sensors
    (lambda: imu(rate_hz=-1.0), ConfigError, "rate_hz of sensor 'imu'"),
    (lambda: imu(rate_hz=math.nan), ConfigError, "positive number"),
    (lambda: imu(rate_hz=0), ConfigError, "positive number"),
    (lambda: imu(rate_hz="10"), ConfigError, "use a number"),
    (lambda: imu(history=1.5), ConfigError, "1 or more samples"),
    (lambda: imu(link_T_sensor=(0, 0, 1)), ConfigError, "use a Pose"),
    (lambda: imu(faults=("frozen",)), ConfigError, r"use a Fault\(kind"),
    (lambda: imu(drop_probability=math.nan), ConfigError, "0 to below 1"),
    (lambda: Fault(kind="frozen", start_s=-1.0), ConfigError, "start at 0 or later"),
    (lambda: Fault(kind="frozen", severity=math.nan), ConfigError, "use 0 to 1"),
    (lambda: ImuConfig(name=3), ConfigError, "plain identifier"),
    (lambda: LidarConfig(name="l", returns="all"), ConfigError, "use one of"),
    (lambda: LidarConfig(name="l", sub_rays=2), ConfigError, "7"),
    (lambda: radar_scan("ars"), UnknownNameError, "ars408_far"),
    (lambda: CameraConfig(name="c", readout_s=0.2), ConfigError, "below the period"),
    (lambda: CameraConfig(name="c", near_m=5.0, far_m=1.0), ConfigError, "near_m < far_m"),
    (lambda: ExposureConfig(exposure_s=-1.0), ConfigError, "exposure_s"),
    (lambda: ImagerConfig(bits=9), ConfigError, "bits"),
    (lambda: Lens(width_px=0), ConfigError, "1 to 16384"),
    (lambda: Lens(cx_px=math.nan), ConfigError, "middle of the picture"),
    (lambda: Lens(distortion=(0.1,)), ConfigError, "distortion coefficients"),
    (lambda: imu(phase=1.0), ConfigError, "0 to below 1"),
    (lambda: imu(latency_s=-0.1), ConfigError, "0 or more seconds"),
    (lambda: imu(jitter_s=math.inf), ConfigError, "jitter_s"),
    (lambda: imu(drop_probability=1.0), ConfigError, "drop_probability"),
    (lambda: imu(history=0), ConfigError, "1 or more samples"),
    (lambda: ImuConfig(name="my imu"), ConfigError, "plain identifier"),
    (lambda: imu(faults=(Fault(kind="rust"),)), ConfigError, "Known: frozen, dropped"),
    (lambda: Fault(kind="frozen", start_s=2.0, end_s=1.0), ConfigError, "end after its start"),
    (lambda: Fault(kind="frozen", severity=1.1), ConfigError, "use 0 to 1"),
    (lambda: rig_of(imu(), imu()), ConfigError, "names must be unique"),
    (lambda: rig_of(imu(rate_hz=70.0)), ConfigError, "Nearest that do"),
    (lambda: rig_of(imu(rate_hz=480.0)), ConfigError, "faster than physics"),
    (lambda: rig_of(imu()).request(0, None, None, None, first=True), StateError, "call reset"),
    (lambda: LidarConfig(name="l", sweep_s=0.2), ConfigError, "the period of 0.1 s"),
    (lambda: LidarConfig(name="l", range_min_m=-1.0), ConfigError, "range_min_m"),
    (lambda: Lens.of_fov(64, 48, 4.0), ConfigError, "field of view of 4.0"),
    (lambda: replace(Lens.of_fov(64, 48, 1.0), model="pinhol"), ConfigError, "pinhol"),
    (lambda: CameraConfig(name="c", labels=("dept",)), ConfigError, "dept"),
    # shapes and scenes
    (lambda: Box((1.0, -1.0, 1.0)), ConfigError, "Box"),
    (lambda: Sphere(0.0), ConfigError, "Sphere"),
    (lambda: Mesh(TRIANGLE, np.array([[0, 1, 3]])), ConfigError, "Mesh"),
    (lambda: Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]])), ConfigError, "not finite"),
    (lambda: Scene().remove(3), ConfigError, "3"),
    (lambda: Scene().add(Box((1, 1, 1)), (0, 0, math.nan)), ConfigError, "finite"),
    (lambda: Scene().add(Box((1, 1, 1)), (0, 0)), ConfigError, r"\(n, 3\)"),
    (lambda: Scene().add(Box((1, 1, 1)), semantic=300), ConfigError, "0..255"),
    (lambda: look(Scene(), (0, 0, 0), (0, 0, 0)), ConfigError, "choose two places"),
    (lambda: look(Scene(), (0, 0), (1, 0, 0)), ConfigError, r"points \(3,\)"),
    (lambda: look(Scene(), (0, 0, 0), (1, 0, 0), outputs=("colour",)), UnknownNameError, "rgb"),
    (lambda: look(Scene(), (0, 0, 0), (1, 0, 0), width_px=0), ConfigError, "positive sizes"),
    (lambda: sweep(Scene(), (0, 0, 0), azimuths=0), ConfigError, "one column at least"),
    (lambda: Scene.from_bullet(77), StateError, "not connected"),
    # frames, time, randomness, schemas, configs
    (lambda: Pose(np.zeros(3), np.array([1.0, 1, 0, 0])), ConfigError, "norm 1.414"),
    (lambda: Pose(np.zeros(2), np.array([0.0, 0, 0, 1])), ConfigError, r"\(2,\)"),
    (lambda: TickRate(0), ConfigError, "such as 240"),
    (lambda: Schedule(4, 4), ConfigError, "less than one period"),
    (lambda: ns_from_s(math.inf), ConfigError, "not finite"),
    (lambda: child_generator(2**63, "x"), ConfigError, "out of range"),
    (lambda: Field(shape=(1,), dtype="float", unit="m"), ConfigError, "not one of bool"),
    (lambda: Schema({"a b": GOOD}), ConfigError, "plain identifier"),
    (lambda: GOOD.check("x", np.zeros(3, np.float32)), SchemaError, r"float32\(3,\)"),
    (lambda: from_json(TrackConfig, {"radius": 3}), ConfigError, "no field 'radius'"),
    (lambda: from_json(ImuConfig, {}), ConfigError, "lacks the field 'name': add it"),
    (lambda: from_json(ImuConfig, [1]), ConfigError, "should be ImuConfig"),
    (lambda: to_json({"a": math.nan}), ConfigError, "use None"),
    (lambda: child_generator(1), ConfigError, "say what its numbers are for"),
    (lambda: Pose(np.zeros((2, 3)), np.array([0.0, 0, 0, 1])), ConfigError, "same batch shape"),
    (lambda: Pose("here", "there"), ConfigError, "arrays of numbers"),
    # worlds and bodies
    (lambda: Substance(mass_kg=math.nan), ConfigError, "0 or more"),
    (lambda: Substance(friction=-1.0), ConfigError, "0 or more"),
    (lambda: World(TickRate(240)).add_body([], Pose.identity(), Substance()), ConfigError, "one"),
    (lambda: TrackConfig(radius_m=5.0), ConfigError, "enlarge radius_m"),
    (lambda: TrackConfig(lane_width_m=1.0), ConfigError, "2.2 to 6 m"),
    (lambda: RoadsideConfig(parked_share=1.5), ConfigError, "parked_share"),
    (lambda: LaneFollowConfig(target_speed_m_s=0.0), ConfigError, "use a positive number"),
    (lambda: CarParams(mass_kg=-1.0), ConfigError, "mass_kg"),
    # files and folders
    (lambda: EpisodeWriter(NOWHERE), StorageError, "another folder"),
    (lambda: EpisodeWriter(Path("file") / "sub"), StorageError, "another folder"),
    (lambda: EpisodeWriter("file"), StorageError, "another folder"),
    (lambda: begun("/proc"), StorageError, "another folder"),
    (lambda: begun("full"), StorageError, "Free space"),
    (lambda: record_into("file"), StorageError, "another folder"),
    (lambda: repair("file", "/proc/x.mcap"), StorageError, "/proc/x.mcap"),
    (lambda: export_into("file/sub"), StorageError, "another folder"),
    (lambda: EpisodeWriter("x", chunk_bytes=0), ConfigError, "1 or more"),
    (lambda: EpisodeWriter("x", chunk_bytes="1"), ConfigError, "1 or more"),
    (lambda: EpisodeWriter("x").path("../x"), ConfigError, "no file name"),
    (lambda: EpisodeWriter("x").end(None), StateError, "call begin"),
    (lambda: Recording("nowhere"), StorageError, "record some first"),
    (lambda: align(np.zeros(3), np.zeros(3), "linear"), ConfigError, "nearest, hold, interpolate"),
    (lambda: EXPORTERS.get("webdatset"), UnknownNameError, "Did you mean 'webdataset'"),
    (lambda: web({"refrence": "x"}), ConfigError, "It has: causal, labels, reference"),
    (lambda: COMMANDS.get("recrod"), UnknownNameError, "Did you mean 'record'"),
    (lambda: EpisodeLog("/nowhere/x.mcap"), StorageError, "Give the path of an .mcap file"),
    (lambda: EpisodeLog(__file__), DamagedFileError, "repair"),
    (lambda: repair(__file__, __file__), StorageError, "another name"),
    (lambda: logs_in(Path(__file__).parent), StorageError, "record some first"),
    (lambda: plan(episodes=0), ConfigError, "1 or more"),
    (lambda: plan(policy="exprt"), ConfigError, "expert, random"),
    (lambda: plan(max_steps=0), ConfigError, "1 or more"),
    (lambda: plan(seed=-3), ConfigError, "seed -3"),
]


def running():
    env = make_env(LANE, obs_mode="state")
    env.reset(seed=1)
    return env


def closed():
    env = running()
    env.close()
    return env


def ended():
    env = make_env(LANE, obs_mode="state", task_options={"max_duration_s": 0.1})
    env.reset(seed=1)
    env.step([0.0, 0.0])
    return env


def web(options):
    return make_exporter(EXPORTERS.get("webdataset"), options)


def export_into(out):
    recording = SimpleNamespace(paths=())
    export("webdataset", EXPORTERS.get("webdataset"), recording, out, {})


def begun(folder):
    """A writer in whose folder nothing can be written."""
    env = running()
    with EpisodeWriter(folder) as writer:
        writer.begin(env.episode_meta("none"), env.schemas)
        for _ in range(60):
            env.step([0.0, 0.0])
            for sample in env.last_samples:
                writer.add_sample(sample)
        writer.end(None)


def record_into(out):
    asked = replace(plan(env_options={"obs_mode": "state"}), out=Path(out))
    record(asked, lambda number, step: None, lambda number, recorded: None)


def spec():
    robot = ROBOTS.get("car")
    return robot(robot.CONFIG()).action_spec


@pytest.mark.parametrize(("act", "kind", "words"), ROWS, ids=range(len(ROWS)))
def test_bad_input_gets_one_clear_error(act, kind, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    # Places that nobody can write to, root neither: below a file, and on a disk that is full.
    Path("file").write_text("a file")
    Path("full").mkdir()
    (Path("full") / "LaneFollow-v0-1.mcap.part").symlink_to("/dev/full")
    with pytest.raises(FleetloopError, match=words) as caught:
        act()
    assert type(caught.value) is kind
    # One sentence or two for people, without the traces of other libraries.
    message = str(caught.value)
    assert 20 < len(message) < 500
    assert message.rstrip()[-1] in ".?)"
    assert "Traceback" not in message


def test_the_table_is_long_enough():
    assert len(ROWS) >= 40


def test_a_folder_without_permission(tmp_path):
    """Also for root, who may write everywhere: a child that is somebody else tries."""
    tmp_path.chmod(0o555)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    with warnings.catch_warnings():
        # Threads of other tests may be there; the child touches nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            EpisodeWriter(tmp_path)
        except StorageError as error:
            code = 0 if "cannot be written to: choose another one" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
