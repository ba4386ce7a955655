"""A camera and a LiDAR in one call each, for scenes of any origin: made up or a PyBullet client's.

    scene = Scene.from_bullet(client)
    picture = look(scene, eye_m=(2, 1, 1), at_m=(0, 0, 0.5))["rgb"]
    cloud = sweep(scene, position_m=(0, 0, 1))["position"]

These are exact: without lens, exposure and noise, which `fleetloop.envs.sensors` adds.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import Image, trace
from fleetloop.envs.trace.view import View

Rotation = npt.NDArray[np.float64]

DEFAULT_ELEVATIONS_RAD = tuple(np.linspace(-0.4363, 0.2618, 32).tolist())
"""32 beams from -25 to +15 degrees."""


def look(
    scene: Scene,
    eye_m: Sequence[float] | npt.NDArray[np.float64],
    at_m: Sequence[float] | npt.NDArray[np.float64],
    *,
    width_px: int = 640,
    height_px: int = 480,
    fov_y_rad: float = 0.9,
    outputs: Iterable[str] = ("rgb", "depth", "instance"),
    t_min_m: float = 0.01,
    t_max_m: float = 1000.0,
    threads: int | None = 1,
) -> dict[str, Image]:
    """Images of a pinhole camera that stands at one point and looks at another, z up.

    Args:
        scene: What there is.
        eye_m: World position of the camera.
        at_m: World position of the picture's middle.
        width_px, height_px: Size.
        fov_y_rad: Vertical field of view.
        outputs: Names from `view.OUTPUTS`: rgb (sRGB bytes), depth (metres along the optical
            axis), instance, semantic, normal, velocity and others.
        t_min_m, t_max_m: Depths between which things are seen.
        threads: How many share the work at most, None for all cores; the result is the same.

    Returns:
        Arrays (height, width) or (height, width, channels) by name.

    Raises:
        ConfigError: The two points are one, or a size or angle is not possible.
    """
    eye = np.asarray(eye_m, dtype=np.float64)
    return look_from(
        scene,
        eye,
        looking_at(eye, np.asarray(at_m, dtype=np.float64)),
        rays=_pinhole_rays(width_px, height_px, fov_y_rad),
        outputs=outputs,
        t_min_m=t_min_m,
        t_max_m=t_max_m,
        threads=threads,
    )


def look_from(
    scene: Scene,
    position_m: npt.NDArray[np.float64],
    rotation: Rotation,
    *,
    rays: RayGrid,
    outputs: Iterable[str],
    t_min_m: float = 0.01,
    t_max_m: float = 1000.0,
    threads: int | None = 1,
) -> dict[str, Image]:
    """As `look`, from a pose: position (3,) and world_R_optical (3, 3)."""
    view = View(
        rays=rays,
        position_m=position_m,
        rotation=rotation,
        outputs=frozenset(outputs),
        t_min_m=t_min_m,
        t_max_m=t_max_m,
        antialias=True,
    )
    return trace([(scene, view)], threads=threads)[0]


def sweep(
    scene: Scene,
    position_m: Sequence[float] | npt.NDArray[np.float64],
    *,
    yaw_rad: float = 0.0,
    elevations_rad: Sequence[float] = DEFAULT_ELEVATIONS_RAD,
    azimuths: int = 1024,
    range_max_m: float = 100.0,
    outputs: Iterable[str] = ("range", "hit", "position", "instance"),
    threads: int | None = 1,
) -> dict[str, Image]:
    """Images of a spinning LiDAR that takes all its beams at once.

    Args:
        scene: What there is.
        position_m: World position.
        yaw_rad: Direction of the first column's start; columns turn counter-clockwise.
        elevations_rad: One for each beam.
        azimuths: Columns in a full turn.
        range_max_m: Where beams end.
        outputs: Names from `view.OUTPUTS`; "position" is relative to the sensor, in world axes.
        threads: How many share the work.

    Returns:
        Arrays (beams, azimuths) or (beams, azimuths, channels) by name.
    """
    turn = np.array(
        [
            [np.cos(yaw_rad), -np.sin(yaw_rad), 0.0],
            [np.sin(yaw_rad), np.cos(yaw_rad), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    view = View(
        rays=_spinning_rays(tuple(float(angle) for angle in elevations_rad), azimuths),
        position_m=np.asarray(position_m, dtype=np.float64),
        rotation=turn,
        outputs=frozenset(outputs),
        t_min_m=0.01,
        t_max_m=range_max_m,
    )
    return trace([(scene, view)], threads=threads)[0]


def looking_at(eye_m: npt.NDArray[np.float64], at_m: npt.NDArray[np.float64]) -> Rotation:
    """world_R_optical (3, 3) of a level camera: columns right, down, forward.

    Raises:
        ConfigError: The points are one, or not finite.
    """
    if eye_m.shape != (3,) or at_m.shape != (3,):
        raise ConfigError(f"A camera needs points (3,), got {eye_m.shape} and {at_m.shape}.")
    forward = at_m - eye_m
    length = float(np.linalg.norm(forward))
    if not (np.isfinite(length) and length > 1e-9):
        raise ConfigError(f"The camera at {eye_m} cannot look at {at_m}: choose two places.")
    forward = forward / length
    right = np.array([forward[1], -forward[0], 0.0])
    # Straight up or down has no level: then world x is to the right.
    across = float(np.linalg.norm(right))
    right = right / across if across > 1e-9 else np.array([1.0, 0.0, 0.0])
    return np.stack([right, np.cross(forward, right), forward], axis=1)


@functools.lru_cache(maxsize=32)
def _pinhole_rays(width_px: int, height_px: int, fov_y_rad: float) -> RayGrid:
    if width_px < 1 or height_px < 1 or not 0.0 < fov_y_rad < np.pi:
        raise ConfigError(
            f"A camera of {width_px} x {height_px} pixels with a field of view of {fov_y_rad} rad "
            "is not possible: use positive sizes and 0 to below pi."
        )
    focal_px = 0.5 * height_px / np.tan(0.5 * fov_y_rad)
    center = (0.5 * (width_px - 1), 0.5 * (height_px - 1))
    return RayGrid(pinhole_directions(width_px, height_px, focal_px, focal_px, *center))


@functools.lru_cache(maxsize=32)
def _spinning_rays(elevations_rad: tuple[float, ...], azimuths: int) -> RayGrid:
    if not elevations_rad or azimuths < 1:
        raise ConfigError("A sweep needs one beam and one column at least.")
    elevation = np.array(elevations_rad)[:, None]
    azimuth = 2.0 * np.pi * (np.arange(azimuths) + 0.5)[None, :] / azimuths
    flat = np.cos(elevation)
    directions = np.stack(
        [flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation) + 0.0 * azimuth], axis=-1
    )
    return RayGrid(directions.astype(np.float32))
