"""Optical flow: where the surface point behind each pixel is in the other of two frames.

Each point is carried along by its shape: from the ray frame of one moment to the shape, and from
the shape's pose at the other moment to the ray frame there, in float64. Then the grid's projection
says which pixel that is. So flow is exact for moving rigid shapes and a moving sensor, for any
lens, and under a rolling shutter, where the row of the answer says when that row was exposed.

Forward flow runs the same way from the previous frame, which is looked at anew for it. Occlusion is
no guess from depth images: a ray is sent from where the sensor was to where the point was, and the
point was hidden if that ray meets anything before it.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.instances import fill_tables, rotation_at
from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import (
    ICOLS,
    LANES,
    SEE_THROUGH,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.packets import packets_of
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.spots import NO_SPOTS
from fleetloop.envs.trace.visibility import visibility

Float64 = npt.NDArray[np.float64]

# The row that a point lands in says when it is looked at, which moves the point again; rows are
# exposed tens of microseconds apart, so this settles at once.
_SHUTTER_STEPS = 3
# Rays to a point end this much before it, in metres and in parts of its distance: beyond the
# rounding of float32 hit points. What is nearer than this to the point does not hide it.
_BEFORE_M = 2e-3
_BEFORE_PART = 2e-4


class Moment(NamedTuple):
    """Sensor and shapes at the time of one frame.

    Attributes:
        sensor_position_m, sensor_rotation: Of the time slots, (slots, 3) and (slots, 3, 3).
        time_offset_s: Of the slots, (slots,).
        position_m, quaternion, velocity_m_s, angular_velocity_rad_s: Of the rows.
    """

    sensor_position_m: Float64
    sensor_rotation: Float64
    time_offset_s: Float64
    position_m: Float64
    quaternion: Float64
    velocity_m_s: Float64
    angular_velocity_rad_s: Float64


class Carried(NamedTuple):
    """Points of a list of tiles as the other frame has them.

    Attributes:
        pixels: (k, LANES, 2) column and row in the other frame.
        seen: (k, LANES) False where the other frame has the point behind it.
        slots: (k, LANES) int32, time slot of the other frame in which it is looked at.
    """

    pixels: Float64
    seen: npt.NDArray[np.bool_]
    slots: npt.NDArray[np.int32]


def carry(
    rays: RayGrid,
    tiles: TileArrays,
    slots: npt.NDArray[np.int32],
    gbuffer: GBuffer,
    here: Moment,
    there: Moment,
) -> Carried:
    """Finds the pixels that the points of some tiles have in the other frame.

    Args:
        rays: The grid, with its projection.
        tiles: The tiles.
        slots: (tables,) time slots of their tables.
        gbuffer: What they saw, at the moment `here`.
        here, there: This frame and the other one.
    """
    assert rays.projection is not None, "View asks for it"
    slot_here = slots[tiles.table_of_tile]
    target = np.repeat(slot_here[:, None], LANES, axis=1)
    points = np.empty((len(tiles.tiles), LANES, 3))
    steps = _SHUTTER_STEPS if rays.n_slots > 1 else 1
    for step in range(steps):
        _carry_points(tiles, gbuffer, slot_here, target, here, there, points)
        pixels, seen = rays.projection(points)
        if step + 1 < steps:
            target = _slot_of_pixels(rays, pixels)
    return Carried(pixels, seen, target)


def occluded(
    rays: RayGrid,
    tiles: TileArrays,
    slots: npt.NDArray[np.int32],
    gbuffer: GBuffer,
    here: Moment,
    there: Moment,
    carried: Carried,
    bodies: tuple[npt.NDArray[np.float32], Float64],
    rows: npt.NDArray[np.int32],
    meshes: MeshArrays,
    t_limits: tuple[float, float],
) -> npt.NDArray[np.bool_]:
    """Which points the other frame does not see, (k, LANES): hidden, or out of its view.

    Args:
        rays, tiles, slots, gbuffer, here, there: As in `carry`.
        carried: What it returned.
        bodies: Dimensions and local bounding spheres of the rows.
        rows: Integers of the rows.
        meshes: All meshes.
        t_limits: t_min_m and t_max_m of the view.
    """
    # A tile is one packet with one origin: under a rolling shutter its middle slot stands for all.
    middle = np.median(carried.slots, axis=1).astype(np.int32)
    used, table = np.unique(middle, return_inverse=True)
    target = np.repeat(middle[:, None], LANES, axis=1)
    points = np.empty((len(tiles.tiles), LANES, 3))
    _carry_points(tiles, gbuffer, slots[tiles.table_of_tile], target, here, there, points)
    instances = InstanceArrays(np.empty((len(used), len(rows), ICOLS), np.float32), rows)
    fill_tables(*there[3:], *bodies, used, *there[:3], instances.table)
    distance = np.linalg.norm(points, axis=2)
    met = gbuffer.instance >= 0
    # The ray parameter is 1 at the point; for the sky, whose points are directions, it may go on.
    unit = distance if rays.unit_length else np.abs(points[..., rays.depth_axis])
    near = np.where(met, t_limits[0] / np.maximum(unit, 1e-9), t_limits[0]).astype(np.float32)
    short = 1.0 - np.maximum(_BEFORE_PART, _BEFORE_M / np.maximum(distance, 1e-9))
    reach = np.where(met, np.maximum(short, 0.0), t_limits[1]).astype(np.float32)
    blocked = GBuffer(
        reach, np.full(met.shape, -1, np.int32), np.zeros(met.shape, np.int32)
    )  # fmt: skip
    packets = _packets(points, table.astype(np.int32))
    visibility(packets, instances, meshes, near, SEE_THROUGH, NO_SPOTS, blocked)
    beyond = met & ((unit > t_limits[1]) | (unit < t_limits[0]))
    hidden: npt.NDArray[np.bool_] = (
        (blocked.instance >= 0) | ~carried.seen | beyond | ~_in_view(rays, carried.pixels)
    )
    return hidden


@kernel
def write_flow(
    tiles: npt.NDArray[np.int32],
    origin: npt.NDArray[np.int32],
    tile_width: int,
    turn: int,
    pixels: Float64,
    seen: npt.NDArray[np.bool_],
    image: npt.NDArray[np.float32],
) -> None:
    """Writes pixels of the other frame, less their own, into an image (height, width, 2).

    Args:
        tiles: (k,) tiles of the grid.
        origin: (grid tiles, 2) row and column of each tile's first ray.
        tile_width: Rays in a row of a tile.
        turn: Columns after which the grid comes back to its start, or 0: flow goes the short way.
        pixels, seen: Of `Carried`.
        image: Written.
    """
    height, width = image.shape[0], image.shape[1]
    for k in range(len(tiles)):
        row0, column0 = origin[tiles[k], 0], origin[tiles[k], 1]
        for r in range(min(LANES // tile_width, height - row0)):
            for c in range(min(tile_width, width - column0)):
                lane = r * tile_width + c
                across = pixels[k, lane, 0] - (column0 + c)
                down = pixels[k, lane, 1] - (row0 + r)
                if turn > 0:
                    across -= turn * np.floor(across / turn + 0.5)
                known = seen[k, lane]
                image[row0 + r, column0 + c, 0] = np.float32(across if known else 0.0)
                image[row0 + r, column0 + c, 1] = np.float32(down if known else 0.0)


@kernel
def write_mask(
    tiles: npt.NDArray[np.int32],
    origin: npt.NDArray[np.int32],
    tile_width: int,
    mask: npt.NDArray[np.bool_],
    image: npt.NDArray[np.bool_],
) -> None:
    """Untiles a mask (k, LANES) into an image (height, width)."""
    height, width = image.shape
    for k in range(len(tiles)):
        row0, column0 = origin[tiles[k], 0], origin[tiles[k], 1]
        for r in range(min(LANES // tile_width, height - row0)):
            for c in range(min(tile_width, width - column0)):
                image[row0 + r, column0 + c] = mask[k, r * tile_width + c]


@kernel
def _carry_points(
    tiles: TileArrays,
    gbuffer: GBuffer,
    slot_here: npt.NDArray[np.int32],
    slot_there: npt.NDArray[np.int32],
    here: Moment,
    there: Moment,
    points: Float64,
) -> None:
    """Hit points in the ray frame of the other moment, (k, LANES, 3); directions for the sky."""
    m = np.empty((3, 3))
    v = np.empty(3)
    scratch = np.empty((3, 3, 3))
    for k in range(len(tiles.tiles)):
        d = tiles.directions[tiles.tiles[k]]
        last_row = last_slot = -2
        for lane in range(LANES):
            row, slot = gbuffer.instance[k, lane], slot_there[k, lane]
            if row != last_row or slot != last_slot:
                last_row = row
                last_slot = slot
                _motion(row, slot_here[k], slot, here, there, scratch, m, v)
            # The sky is infinitely far: only turning moves it.
            t = np.float64(gbuffer.t[k, lane]) if row >= 0 else 1.0
            x, y, z = t * d[0, lane], t * d[1, lane], t * d[2, lane]
            for i in range(3):
                points[k, lane, i] = m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + v[i]


@inline
def _motion(row, slot_here, slot_there, here, there, scratch, m, v):
    """The rigid motion from one ray frame to the other, for points on one row: m p + v."""
    a, b = here.sensor_rotation[slot_here], there.sensor_rotation[slot_there]
    turn, first, second = scratch[0], scratch[1], scratch[2]
    if row < 0:
        _transposed_times(b, a, m)
        v[:] = 0.0
        return
    dt = here.time_offset_s[slot_here]
    dt_there = there.time_offset_s[slot_there]
    rotation_at(here.quaternion[row], here.angular_velocity_rad_s[row], dt, first)
    rotation_at(there.quaternion[row], there.angular_velocity_rad_s[row], dt_there, second)
    # From world axes at one moment to world axes at the other, about the origin of the shape.
    for i in range(3):
        for j in range(3):
            turn[i, j] = (
                second[i, 0] * first[j, 0] + second[i, 1] * first[j, 1] + second[i, 2] * first[j, 2]
            )
    for i in range(3):
        for j in range(3):
            first[i, j] = turn[i, 0] * a[0, j] + turn[i, 1] * a[1, j] + turn[i, 2] * a[2, j]
    _transposed_times(b, first, m)
    for i in range(3):
        # From the shape to the sensor here, turned; then to the sensor there.
        second[0, i] = (
            here.sensor_position_m[slot_here, i]
            - here.position_m[row, i]
            - dt * here.velocity_m_s[row, i]
        )
    for i in range(3):
        second[1, i] = (
            turn[i, 0] * second[0, 0]
            + turn[i, 1] * second[0, 1]
            + turn[i, 2] * second[0, 2]
            + there.position_m[row, i]
            + dt_there * there.velocity_m_s[row, i]
            - there.sensor_position_m[slot_there, i]
        )
    for i in range(3):
        v[i] = b[0, i] * second[1, 0] + b[1, i] * second[1, 1] + b[2, i] * second[1, 2]


@inline
def _transposed_times(a, b, out):
    for i in range(3):
        for j in range(3):
            out[i, j] = a[0, i] * b[0, j] + a[1, i] * b[1, j] + a[2, i] * b[2, j]


def _slot_of_pixels(rays: RayGrid, pixels: Float64) -> npt.NDArray[np.int32]:
    """Time slot in which each pixel is looked at; the nearest one beyond the borders."""
    # Points behind a lens may have any pixel: keep numbers that fit an integer.
    bounded = np.nan_to_num(np.clip(pixels, -1e6, 1e6))
    column = np.rint(bounded[..., 0]).astype(np.int64)
    row = np.rint(bounded[..., 1]).astype(np.int64)
    if rays.turn_columns > 0:
        column %= rays.turn_columns
    row = np.clip(row, 0, rays.height - 1) // rays.tile_height
    column = np.clip(column, 0, rays.width - 1) // rays.tile_width
    return rays.slot_at[row, column]


def _in_view(rays: RayGrid, pixels: Float64) -> npt.NDArray[np.bool_]:
    column, row = pixels[..., 0], pixels[..., 1]
    inside: npt.NDArray[np.bool_] = (row >= -0.5) & (row <= rays.height - 0.5)
    if rays.turn_columns == 0:
        inside &= (column >= -0.5) & (column <= rays.width - 0.5)
    return inside


def _packets(points: Float64, table: npt.NDArray[np.int32]) -> TileArrays:
    """Rays from the sensor to the points."""
    # A point in the sensor itself has no direction, and hides nothing.
    away = np.where(np.abs(points).max(axis=2, keepdims=True) > 1e-6, points, 1e-6)
    return packets_of(np.ascontiguousarray(away.transpose(0, 2, 1), dtype=np.float32), table)
