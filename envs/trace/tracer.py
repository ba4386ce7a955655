"""The public verb: `trace` turns scenes and views into images.

    image = trace([(scene, View(rays=grid, position_m=..., rotation=..., outputs=...))])[0]

All views of all worlds go in one call. Work is cut into the fixed chunks of each ray grid, so the
bytes of the result do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.antialias import (
    PIXELS,
    EdgeImages,
    edge_packets,
    mean_of_samples,
    write_edges,
)
from fleetloop.envs.trace.attributes import (
    BasicImages,
    SlotMotion,
    SurfaceImages,
    write_basic,
    write_surface,
)
from fleetloop.envs.trace.flow import Moment, carry, occluded, write_flow, write_mask
from fleetloop.envs.trace.instances import fill_tables
from fleetloop.envs.trace.layout import (
    ICOLS,
    LANES,
    RASTERED,
    SEE_THROUGH,
    GBuffer,
    InstanceArrays,
    MeshArrays,
)
from fleetloop.envs.trace.picture import (
    Painter,
    paint,
    prepare_painter,
    write_picture,
    write_smoothed,
)
from fleetloop.envs.trace.pool import shared_pool, worthwhile_threads
from fleetloop.envs.trace.raster import raster, survey
from fleetloop.envs.trace.raygrid import Chunk
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.spots import NO_SPOTS, Spots
from fleetloop.envs.trace.view import FLOW_OUTPUTS, OUTPUTS, View
from fleetloop.envs.trace.visibility import visibility

Image = npt.NDArray[Any]

_BASIC = BasicImages._fields
_SURFACE = SurfaceImages._fields
_NOT_WANTED: dict[str, Image] = {
    name: np.empty((0, 0, channels) if channels else (0, 0), dtype)
    for name, (dtype, channels) in OUTPUTS.items()
}


def trace(jobs: Sequence[tuple[Scene, View]], *, threads: int | None = 1) -> list[dict[str, Image]]:
    """Traces all views and returns, for each, its images by name.

    Args:
        jobs: Scenes with the views on them; one scene may occur many times.
        threads: How many threads share the work at most; as many as there are cores if None. Few
            rays stay on fewer threads, where they are done sooner. The result is the same.

    Returns:
        For each job a dict of arrays (height, width) or (height, width, channels), see
        `view.OUTPUTS`. Without a hit, depth and range are `t_max_m`, "hit" is False and all else 0.
    """
    results: list[dict[str, Image]] = []
    tasks: list[Callable[[], None]] = []
    smoothing: list[Callable[[], None]] = []
    for scene, view in jobs:
        frame = prepare(scene, view)
        results.append(frame.images)
        tasks += [partial(_trace_chunk, frame, chunk) for chunk in view.rays.chunks]
        if frame.edges is not None:
            smoothing += [partial(_smooth_chunk, frame, chunk) for chunk in view.rays.chunks]
    rays = sum(view.rays.height * view.rays.width for _, view in jobs)
    threads = worthwhile_threads(rays, threads)
    shared_pool().run(tasks, threads)
    # Edges lie between pixels of neighbouring chunks too: all must be there first.
    shared_pool().run(smoothing, threads)
    return results


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One job, ready for its chunks: nothing here changes while they run, except the images."""

    scene: Scene
    view: View
    rows: npt.NDArray[np.int32]
    motion: tuple[npt.NDArray[np.float64], ...]
    dims: npt.NDArray[np.float32]
    spheres: npt.NDArray[np.float64]
    meshes: MeshArrays
    time_offset_s: npt.NDArray[np.float64]
    t_min: npt.NDArray[np.float32]
    images: dict[str, Image]
    basic: BasicImages | None
    surface: SurfaceImages | None
    painter: Painter | None
    edges: EdgeImages | None
    previous: Frame | None
    table: npt.NDArray[np.float32] | None

    @property
    def moment(self) -> Moment:
        """Sensor and shapes at the time of this frame."""
        view = self.view
        sensor = (view.position_m, view.rotation, self.time_offset_s)
        return Moment(*sensor, *self.motion)


def prepare(scene: Scene, view: View) -> Frame:
    """Makes room for the images and takes what the kernels read from the scene."""
    rays = view.rays
    images: dict[str, Image] = {}
    for name in sorted(view.outputs):
        dtype, channels = OUTPUTS[name]
        shape = (rays.height, rays.width, channels) if channels else (rays.height, rays.width)
        images[name] = np.empty(shape, dtype)
    basic = surface = None
    if not view.outputs.isdisjoint(_BASIC):
        basic = BasicImages(*(images.get(name, _NOT_WANTED[name]).reshape(-1) for name in _BASIC))
    if not view.outputs.isdisjoint(_SURFACE):
        surface = SurfaceImages(*(images.get(name, _NOT_WANTED[name]) for name in _SURFACE))
    time_offset_s = view.time_offset_s
    if time_offset_s is None:
        time_offset_s = np.zeros(rays.n_slots)
    dims, spheres = scene.bodies
    t_min = np.full((1, LANES), view.t_min_m, np.float32)
    painter, edges = None, None
    if not view.outputs.isdisjoint({"hdr", "rgb"}):
        painter = prepare_painter(scene, view)
        if view.antialias:
            size = (rays.height, rays.width)
            edges = EdgeImages(np.empty(size, np.float32), np.empty(size, np.int32))
    frame = Frame(
        scene,
        view,
        scene.row_integers,
        scene.motion,
        dims,
        spheres,
        scene.mesh_arrays,
        time_offset_s,
        t_min,
        images,
        basic,
        surface,
        painter,
        edges,
        None,
        None,
    )
    if rays.n_slots == 1:
        # All chunks share the table of the one slot.
        frame = replace(frame, table=_tables(frame, np.zeros(1, np.int32)))
    if view.outputs.isdisjoint(FLOW_OUTPUTS):
        return frame
    return replace(frame, previous=_previous(frame))


def _previous(frame: Frame) -> Frame:
    """The frame before, as far as flow needs it: poses of sensor and shapes, no images."""
    view, scene = frame.view, frame.scene
    assert view.previous_position_m is not None, "View asks for it"
    assert view.previous_rotation is not None
    poses = view.previous_poses
    motion = scene.previous_motion if poses is None else scene.motion_at(poses)
    before = replace(
        view, position_m=view.previous_position_m, rotation=view.previous_rotation
    )  # fmt: skip
    return replace(
        frame,
        view=before,
        motion=motion,
        images={},
        basic=None,
        surface=None,
        painter=None,
        edges=None,
        table=None,
    )


def place_and_see(frame: Frame, chunk: Chunk) -> tuple[InstanceArrays, GBuffer]:
    """The first stages of a chunk: instance tables of its slots, and what its rays meet first.

    The buffers are small enough to stay in the core's cache until the last stage has read them.
    """
    instances = _placed(frame, chunk.slots)
    gbuffer = _nothing_met(len(chunk.arrays.tiles), frame.view.t_max_m)
    spots, dense = _survey(frame, chunk, instances)
    skip = SEE_THROUGH | RASTERED
    visibility(chunk.arrays, instances, frame.meshes, frame.t_min, skip, spots, gbuffer)
    if chunk.pixels is not None and len(dense) > 0:
        raster(chunk.arrays, instances, frame.meshes, chunk.pixels, dense, gbuffer)
    return instances, gbuffer


def _placed(frame: Frame, slots: npt.NDArray[np.int32]) -> InstanceArrays:
    """The instances, seen from some time slots; their rows may be written."""
    table = frame.table if frame.table is not None else _tables(frame, slots)
    return InstanceArrays(table, frame.rows.copy())


def _tables(frame: Frame, slots: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Instance tables of some time slots."""
    view = frame.view
    table = np.empty((len(slots), len(frame.rows), ICOLS), np.float32)
    fill_tables(
        *frame.motion,
        frame.dims,
        frame.spheres,
        slots,
        view.position_m,
        view.rotation,
        frame.time_offset_s,
        table,
    )
    return table


def _nothing_met(count: int, t_max_m: float) -> GBuffer:
    return GBuffer(
        np.full((count, LANES), t_max_m, np.float32),
        np.full((count, LANES), -1, np.int32),
        np.zeros((count, LANES), np.int32),
    )


def _survey(
    frame: Frame, chunk: Chunk, instances: InstanceArrays
) -> tuple[Spots, npt.NDArray[np.int32]]:
    """Where instances may be seen; and meshes that are cheaper to draw, marked in the rows."""
    dense = np.empty(len(frame.rows), np.int32)
    if chunk.pixels is None:
        return NO_SPOTS, dense[:0]
    rays, t_min = frame.view.rays, frame.view.t_min_m
    rectangles = np.empty((len(frame.rows), 4), np.int32)
    count = survey(instances, frame.meshes, chunk.pixels, t_min, SEE_THROUGH, rectangles, dense)
    spots = Spots(rectangles, rays.tile_origin, rays.lane_row, rays.lane_column)
    return spots, dense[:count]


def _trace_chunk(frame: Frame, chunk: Chunk) -> None:
    """All stages for one chunk of tiles, written into the images of the frame."""
    view = frame.view
    instances, gbuffer = place_and_see(frame, chunk)
    if frame.basic is not None:
        write_basic(
            chunk.arrays,
            instances,
            gbuffer,
            view.rays.tile_origin,
            view.rays.tile_width,
            (view.rays.height, view.rays.width),
            view.rays.depth_axis,
            view.t_max_m,
            frame.basic,
        )
    if frame.surface is not None:
        write_surface(
            chunk.arrays,
            instances,
            frame.meshes,
            gbuffer,
            view.rays.tile_origin,
            view.rays.tile_width,
            (view.rays.height, view.rays.width),
            SlotMotion(chunk.slots, view.rotation, frame.motion[2], frame.motion[3]),
            frame.surface,
        )
    if frame.previous is not None:
        _flow(frame, frame.previous, chunk, gbuffer)
    if frame.painter is not None:
        shaded = paint(frame.painter, chunk.arrays, chunk.slots, instances, frame.meshes, gbuffer)
        write_picture(frame.painter, view.rays, chunk.arrays, shaded.hdr, frame.images)
        if frame.edges is not None:
            rays, exposure = view.rays, frame.painter.exposure
            place = (rays.tile_origin, rays.tile_width)
            write_edges(chunk.arrays.tiles, shaded, *place, exposure, frame.edges)


def _smooth_chunk(frame: Frame, chunk: Chunk) -> None:
    """Looks again at the pixels of one chunk that have an edge."""
    assert frame.edges is not None
    assert frame.painter is not None
    packets = edge_packets(frame.view.rays, chunk.arrays, chunk.slots, frame.edges)
    if packets is None:
        return
    instances = _placed(frame, packets.slots)
    gbuffer = _nothing_met(len(packets.rows), frame.view.t_max_m)
    visibility(packets.tiles, instances, frame.meshes, frame.t_min, SEE_THROUGH, NO_SPOTS, gbuffer)
    shaded = paint(frame.painter, packets.tiles, packets.slots, instances, frame.meshes, gbuffer)
    light = np.empty((len(shaded.hdr), PIXELS, 3), np.float32)
    mean_of_samples(shaded.hdr, light)
    write_smoothed(frame.painter, packets.rows, packets.columns, light, frame.images)


def _flow(frame: Frame, previous: Frame, chunk: Chunk, gbuffer: GBuffer) -> None:
    """Flow images of one chunk."""
    rays, images = frame.view.rays, frame.images
    tiles, slots = chunk.arrays, chunk.slots
    now, before = frame.moment, previous.moment
    place = (tiles.tiles, rays.tile_origin, rays.tile_width)
    if "flow_backward" in images or "flow_occluded" in images:
        carried = carry(rays, tiles, slots, gbuffer, now, before)
        if "flow_backward" in images:
            flow = images["flow_backward"]
            write_flow(*place, rays.turn_columns, carried.pixels, carried.seen, flow)
        if "flow_occluded" in images:
            bodies, limits = (frame.dims, frame.spheres), (frame.view.t_min_m, frame.view.t_max_m)
            hidden = occluded(
                rays, tiles, slots, gbuffer, now, before, carried, bodies, frame.rows,
                frame.meshes, limits,
            )  # fmt: skip
            write_mask(*place, hidden, images["flow_occluded"])
    if "flow_forward" in images:
        _, seen_before = place_and_see(previous, chunk)
        carried = carry(rays, tiles, slots, seen_before, before, now)
        flow = images["flow_forward"]
        write_flow(*place, rays.turn_columns, carried.pixels, carried.seen, flow)
