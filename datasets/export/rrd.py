"""Rerun recordings: one `.rrd` an episode, everything at its own time, to look at and to query.

The timeline is `sim_time`, simulated time since the reset. Entities hang where things are:
`world/base` moves, each sensor stands at its true pose with what it measured below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import ConfigError
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.semantics import DYNAMIC_CLASSES, SURFACE_CLASSES, SemanticClass
from fleetloop.core.types import Sample
from fleetloop.datasets.export.base import EpisodePart
from fleetloop.datasets.lineage import Dropped, Signal, stored_loss
from fleetloop.datasets.recording import RecordedEpisode

TIMELINE = "sim_time"

_MOST_SCALARS = 64
_GRAVITY_M_S2 = 9.80665
_PICTURE_PX = 16


_LANE_COLORS = ((128, 237, 153), (255, 209, 102), (76, 201, 240))
"""Of centre, left and right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunOptions:
    """What to put in.

    Attributes:
        labels: Whether privileged fields and true boxes go in.
        most_points: Of a cloud; of larger ones each second, third ... point.
    """

    labels: bool = True
    most_points: int = 200_000

    def __post_init__(self) -> None:
        if self.most_points < 1:
            raise ConfigError(f"most_points is {self.most_points}: use 1 or more.")


class Rerun:
    """See the module."""

    OPTIONS: ClassVar[type[RerunOptions]] = RerunOptions
    NEEDS: ClassVar[tuple[str, ...]] = ("rerun",)
    EXTRA: ClassVar[str] = "rerun"

    def __init__(self, options: RerunOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes one recording."""
        count = write_rrd(episode, staging / f"{episode.meta.episode_id}.rrd", self.options)
        return EpisodePart(
            frames=count,
            signals=tuple(_signals(episode, self.options)),
            dropped=tuple(_dropped(episode, self.options)),
        )

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Nothing spans recordings."""


def write_rrd(episode: RecordedEpisode, path: Path, options: RerunOptions) -> int:
    """Writes an episode into a file; returns the number of samples and steps.

    Raises:
        OSError: The file cannot be written, such as on a full disk.
    """
    import rerun

    stream = rerun.RecordingStream(
        "fleetloop", recording_id=episode.meta.episode_id, send_properties=False
    )
    stream.save(str(path))
    try:
        count = log_episode(episode, stream, options)
        # The SDK writes in a thread of its own, which tells what went wrong only here.
        stream.flush()
    except RuntimeError as error:
        raise OSError(0, f"Rerun could not write it ({error})", str(path)) from error
    finally:
        stream.disconnect()
    return count


def log_episode(episode: RecordedEpisode, stream: Any, options: RerunOptions) -> int:  # noqa: ANN401
    """Logs an episode into an open stream of Rerun, in order of capture."""
    _log_static(episode, stream, options)
    names = list(episode.schemas)
    times = [episode.times_ns(name) for name in names]
    truths = [episode.objects_times_ns, episode.dynamics_times_ns]
    times += [episode.step_times_ns, *(truths if options.labels else ())]
    table = np.concatenate(
        [np.stack([t, np.full(len(t), k), np.arange(len(t))]) for k, t in enumerate(times)], axis=1
    )
    order = np.lexsort((table[1], table[0]))
    for t_ns, kind, number in table[:, order].T.tolist():
        stream.set_time(TIMELINE, duration=np.timedelta64(t_ns, "ns"))
        if kind < len(names):
            _log_sample(episode, stream, names[kind], number, options)
        elif kind == len(names):
            _log_step(episode, stream, number)
        elif kind == len(names) + 1:
            _log_objects(stream, episode.objects_record(number))
        else:
            _log_dynamics(stream, episode.dynamics_record(number))
    return len(order)


def _log_static(episode: RecordedEpisode, stream: Any, options: RerunOptions) -> None:  # noqa: ANN401
    import rerun as rr

    stream.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    classes = [(int(c), c.name.lower()) for c in SemanticClass]
    stream.log("world", rr.AnnotationContext(classes), static=True)
    if options.labels and episode.lanes is not None:
        stream.log("world/lanes", _lanes(episode.lanes), static=True)
    for name, sensor in episode.calibration.sensors.items():
        lens = sensor.lens
        if lens is not None and lens.model == "pinhole":
            pinhole = rr.Pinhole(
                image_from_camera=lens.matrix, resolution=[lens.width_px, lens.height_px],
                camera_xyz=rr.ViewCoordinates.RDF,
            )  # fmt: skip
            stream.log(f"world/{name}", pinhole, static=True)


def _lanes(lanes: LaneLines) -> Any:  # noqa: ANN401
    """Lines on the ground, coloured by what they are to their lane."""
    import rerun as rr

    lines = range(len(lanes))
    return rr.LineStrips3D(
        [lanes.line_m(number) for number in lines],
        colors=[_LANE_COLORS[lanes.role[number]] for number in lines],
    )


def _log_sample(
    episode: RecordedEpisode,
    stream: Any,  # noqa: ANN401
    sensor: str,
    number: int,
    options: RerunOptions,
) -> None:
    import rerun as rr

    schema = episode.schemas[sensor]
    fields = [n for n, f in schema.items() if options.labels or not f.privileged]
    stored = {n: e for n in fields if (e := episode.encoded(sensor, number, n)) is not None}
    sample = episode.sample(sensor, number, [n for n in fields if n not in stored])
    place = f"world/{sensor}"
    pose = sample.world_T_sensor
    stream.log(
        place,
        rr.Transform3D(translation=pose.position_m, quaternion=pose.quaternion_xyzw),
    )
    for name, (form, data) in stored.items():
        stream.log(f"{place}/{name}", rr.EncodedImage(contents=data, media_type=f"image/{form}"))
    if "point_m" in sample.data:
        stream.log(f"{place}/point_m", _points(sample, options.most_points))
    for name, values in sample.data.items():
        entity = _entity(name, values, schema[name].unit)
        if entity is not None:
            inside = values.ndim >= 2 and min(values.shape[:2]) >= _PICTURE_PX
            stream.log(f"{place}/{name}" if inside else f"{sensor}/{name}", entity)
    if sample.faults:
        stream.log(f"{sensor}/faults", rr.TextLog(", ".join(sample.faults), level="WARN"))


def _entity(name: str, values: npt.NDArray[Any], unit: str) -> Any:  # noqa: ANN401
    """How Rerun shows an array; None for what it has no form for."""
    import rerun as rr

    if values.ndim == 2 and min(values.shape) >= _PICTURE_PX:
        if unit == "m" and name == "depth_m":
            return rr.DepthImage(values, meter=1.0)
        if unit == "id":
            return rr.SegmentationImage(values.astype(np.uint16))
        return None
    if values.ndim == 3 and values.shape[2:] == (3,) and values.dtype == np.uint8:
        return rr.Image(values)
    if values.size and values.size <= _MOST_SCALARS and values.ndim <= 1:
        return rr.Scalars(values.astype(np.float64).ravel())
    return None


def _points(sample: Sample, most: int) -> Any:  # noqa: ANN401
    import rerun as rr

    points = sample.data["point_m"]
    valid = sample.data["valid"] if "valid" in sample.data else np.ones(points.shape[:-1], bool)
    chosen = points[valid]
    step = max(1, -(-len(chosen) // most))
    semantic = sample.data.get("semantic")
    classes = None if semantic is None else semantic[valid][::step].astype(np.uint16)
    return rr.Points3D(chosen[::step], class_ids=classes)


def _log_step(episode: RecordedEpisode, stream: Any, number: int) -> None:  # noqa: ANN401
    import rerun as rr

    step = episode.step(number)
    stream.log("action", rr.Scalars(step.action.astype(np.float64).ravel()))
    for name, value in step.reward_terms.items():
        stream.log(f"reward/{name}", rr.Scalars(value))
    for name, values in step.goal.items():
        stream.log(f"goal/{name}", rr.Scalars(values.astype(np.float64).ravel()))
    for event in step.events:
        stream.set_time(TIMELINE, duration=np.timedelta64(event.t_ns, "ns"))
        stream.log("events", rr.TextLog(f"{event.kind} {dict(event.detail)}", level="INFO"))


def _log_objects(stream: Any, objects: Objects) -> None:  # noqa: ANN401
    import rerun as rr

    row = objects.row(EGO)
    if row is not None:
        stream.log(
            "world/base",
            rr.Transform3D(
                translation=objects.position_m[row], quaternion=objects.quaternion_xyzw[row]
            ),
        )
    movers = np.isin(objects.semantic, [int(c) for c in DYNAMIC_CLASSES])
    stuff = np.isin(objects.semantic, [int(c) for c in SURFACE_CLASSES])
    for name, keep in (("movers", movers), ("things", ~movers & ~stuff)):
        if name == "things" and not objects.complete:
            continue
        chosen = objects.chosen(keep)
        if len(chosen):
            stream.log(
                f"world/{name}",
                rr.Boxes3D(
                    centers=chosen.centers_m(), sizes=chosen.box_size_m,
                    quaternions=chosen.quaternion_xyzw, labels=list(chosen.names),
                    class_ids=chosen.semantic.astype(np.uint16), show_labels=False,
                ),
            )  # fmt: skip


def _log_dynamics(stream: Any, dynamics: Dynamics) -> None:  # noqa: ANN401
    """The robot's energies, and an arrow for each contact: a metre long at the robot's weight."""
    import rerun as rr

    row = dynamics.row(EGO)
    if row is None:
        return
    for name in ("kinetic_j", "potential_j", *(("drawn_j",) if dynamics.has_battery[row] else ())):
        stream.log(f"dynamics/{name}", rr.Scalars(float(getattr(dynamics, name)[row])))
    weight_n = max(float(dynamics.mass_kg[row]) * _GRAVITY_M_S2, 1.0)
    arrows = rr.Arrows3D(
        origins=dynamics.contact_m, vectors=dynamics.forces_n() / weight_n,
        labels=[f"{name} {force:.0f} N" for name, force in
                zip(dynamics.contact_parts, dynamics.contact_normal_n.tolist(), strict=True)],
        show_labels=False,
    )  # fmt: skip
    stream.log("world/contacts", arrows)


def _signals(episode: RecordedEpisode, options: RerunOptions) -> Iterator[Signal]:
    for sensor, schema in episode.schemas.items():
        for name, field in schema.items():
            if (options.labels or not field.privileged) and _shown(name, schema[name].shape, field):
                yield Signal(
                    source=f"{sensor}.{name}", target=f"world/{sensor}/{name}",
                    lossy=stored_loss(episode, sensor, name),
                )  # fmt: skip
    yield Signal(source="step.action", target="action")
    yield Signal(source="step.reward_terms", target="reward")
    yield Signal(source="step.goal", target="goal")
    yield Signal(source="step.events", target="events")
    if options.labels:
        yield Signal(source="objects", target="world/movers, world/things, world/base")
        if episode.log.tells_dynamics:
            yield Signal(
                source="dynamics", target="dynamics, world/contacts",
                lossy="the robot's energies; contacts as arrows",
            )  # fmt: skip
        if episode.lanes is not None:
            yield Signal(source="lanes", target="world/lanes")


def _dropped(episode: RecordedEpisode, options: RerunOptions) -> Iterator[Dropped]:
    for sensor, schema in episode.schemas.items():
        for name, field in schema.items():
            if field.privileged and not options.labels:
                yield Dropped(source=f"{sensor}.{name}", reason="labels=false")
            elif not _shown(name, field.shape, field):
                yield Dropped(source=f"{sensor}.{name}", reason="Rerun has no form for it")
    yield Dropped(source="step.truth", reason="privileged; it stays in the log")


def _shown(name: str, shape: tuple[int, ...], field: Any) -> bool:  # noqa: ANN401
    if name in ("point_m", "valid", "semantic") or field.unit == "sRGB":
        return True
    return _entity(name, np.zeros(shape, field.dtype), field.unit) is not None
