"""What one sensor asks of a scene: where its grid of rays stands and which images it wants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError, UnknownNameError
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.rows import ScenePoses

# Every output: its dtype and the number of channels (0: no channel axis).
OUTPUTS: dict[str, tuple[type[np.generic], int]] = {
    "depth": (np.float32, 0),  # m along the optical axis of the grid
    "range": (np.float32, 0),  # m along the ray
    "hit": (np.bool_, 0),
    "instance": (np.int32, 0),  # public id, 0 = nothing
    "semantic": (np.uint8, 0),  # class, 0 = nothing
    "material": (np.int32, 0),  # row of the material table, 0 where nothing was hit
    "normal": (np.float32, 3),  # unit, world axes, on the sensor's side of the surface
    "uv": (np.float32, 2),  # texture coordinates
    "position": (np.float32, 3),  # m, from the ray origin, world axes
    "velocity": (np.float32, 3),  # m/s of the surface point, world
    "incidence": (np.float32, 0),  # cosine between the ray and the normal
    # Optical flow, (columns, rows) in pixels; 0 for a point that the other frame has behind it.
    "flow_forward": (np.float32, 2),  # on the previous frame's grid: from it to this frame
    "flow_backward": (np.float32, 2),  # on this frame's grid: from it to the previous frame
    "flow_occluded": (np.bool_, 0),  # this frame's point was hidden or out of view before
    "hdr": (np.float32, 3),  # linear radiance
    "rgb": (np.uint8, 3),  # sRGB
}
FLOW_OUTPUTS = frozenset({"flow_forward", "flow_backward", "flow_occluded"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """Where a grid of rays stands, and what is asked of it.

    Attributes:
        rays: The sensor's rays.
        position_m: (n_slots, 3) world position of the ray origin; (3,) for all slots.
        rotation: (n_slots, 3, 3) world_R_sensor; (3, 3) for all slots.
        outputs: Names from `OUTPUTS`.
        time_offset_s: (n_slots,) relative to the scene's time: shapes are moved by their velocity
            times it. Zeros if None.
        t_min_m, t_max_m: The ray parameter of hits lies between them; t is metric depth for
            pinhole grids, range for unit directions. `t_max_m` is also what depth and range
            show without a hit.
        previous_position_m, previous_rotation: The sensor's pose in the previous frame, for flow.
        previous_poses: Where the shapes were then, from `Scene.poses`. If None, those of the
            scene's last `keep_previous` (which `Scene.sync` calls).
        antialias: Smooth edges in "rgb" and "hdr".
        seed: Of the random numbers in shading; the same seed gives the same bytes.
    """

    rays: RayGrid
    position_m: npt.NDArray[np.float64]
    rotation: npt.NDArray[np.float64]
    outputs: frozenset[str] = frozenset({"depth", "instance"})
    time_offset_s: npt.NDArray[np.float64] | None = None
    t_min_m: float = 0.0
    t_max_m: float = 1000.0
    previous_position_m: npt.NDArray[np.float64] | None = None
    previous_rotation: npt.NDArray[np.float64] | None = None
    previous_poses: ScenePoses | None = None
    antialias: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.outputs <= OUTPUTS.keys():
            unknown = min(self.outputs - OUTPUTS.keys())
            raise UnknownNameError("trace output", unknown, OUTPUTS)
        if not 0.0 <= self.t_min_m < self.t_max_m <= 1e6:
            raise ConfigError(
                f"View.t_min_m = {self.t_min_m} and t_max_m = {self.t_max_m}; "
                "0 <= t_min_m < t_max_m <= 1e6 must hold."
            )
        self._set("position_m", (3,), self.position_m)
        self._set("rotation", (3, 3), self.rotation)
        if self.time_offset_s is not None:
            self._set("time_offset_s", (), self.time_offset_s)
        if (self.previous_position_m is None) != (self.previous_rotation is None):
            raise ConfigError(
                "View.previous_position_m and previous_rotation are given together or not at all."
            )
        if self.previous_position_m is not None:
            self._set("previous_position_m", (3,), self.previous_position_m)
            self._set("previous_rotation", (3, 3), self.previous_rotation)
        elif self.outputs & FLOW_OUTPUTS:
            raise ConfigError(
                f"Output {min(self.outputs & FLOW_OUTPUTS)!r} needs View.previous_position_m and "
                "previous_rotation."
            )
        if self.outputs & FLOW_OUTPUTS and self.rays.projection is None:
            raise ConfigError(
                f"Output {min(self.outputs & FLOW_OUTPUTS)!r} needs to know where points land in "
                "the grid: make it as RayGrid(directions, projection=lens.project)."
            )

    def _set(self, name: str, shape: tuple[int, ...], value: npt.ArrayLike | None) -> None:
        """Stores a float64 array with one entry per slot, repeating a single one."""
        array = np.asarray(value, dtype=np.float64)
        wanted = (self.rays.n_slots, *shape)
        if array.shape == shape:
            array = np.broadcast_to(array, wanted)
        if array.shape != wanted or not np.isfinite(array).all():
            raise ConfigError(
                f"View.{name} has shape {array.shape}; it must be {wanted} and finite."
            )
        object.__setattr__(self, name, np.ascontiguousarray(array))
