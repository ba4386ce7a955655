"""Wipe a plate clean with a sponge, and do not break it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.homes.room import RoomConfig, build_room
from fleetloop.envs.homes.tableware import (
    PLATE_THICK_M,
    SPONGE_GRIP_M,
    SPONGE_HALF_M,
    Table,
    build_plate,
    build_sponge,
    build_table,
    flat_radius_m,
    spots,
)
from fleetloop.envs.robots.base import Robot
from fleetloop.envs.robots.humanoid.holding import GRIP_POINT_M, Held
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Look, Stage, Thing
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.tasks.wiped_grid import CELL_M, GRID, WipedGrid
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Cylinder
from fleetloop.envs.troupe import Troupe

RIGHT = 1
_HIDDEN = Pose.of(0.0, 0.0, -0.5 * PLATE_THICK_M)
_SPOT_THICK_M = 0.0008


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanoidWipeConfig:
    """The plate and what counts.

    Attributes:
        radius_m: Smallest and largest radius of the plate.
        table_height_m: Bounds of the table's height.
        reach_m: How much farther than the table's edge the plate lies, and how far to the sides
            of the right shoulder, at most.
        turn_rad: Largest angle by which the robot stands askew.
        press_n: The force that is asked for.
        band_n: How far from it a force still counts as right; below the band nothing is wiped.
        break_n: Bounds of the force, smoothed with 20 ms, beyond which the plate breaks.
        coverage: Part of the plate that has to be wiped.
        slip_m: How far the plate may be pushed.
        tell_dirt: Whether the goal tells where dirt is left; else zeros, and it has to be seen.
        max_duration_s: When the episode is cut.
    """

    radius_m: tuple[float, float] = (0.10, 0.13)
    table_height_m: tuple[float, float] = (0.80, 0.88)
    reach_m: tuple[float, float] = (0.03, 0.05)
    turn_rad: float = 0.08
    press_n: float = 5.0
    band_n: float = 3.0
    break_n: tuple[float, float] = (18.0, 25.0)
    coverage: float = 0.95
    slip_m: float = 0.05
    tell_dirt: bool = True
    max_duration_s: float = 40.0

    def __post_init__(self) -> None:
        check_positive(self, "a wiping task", "press_n", "slip_m", "max_duration_s", infinite=True)
        for name, low, high in (
            ("radius_m", 0.06, 0.14), ("table_height_m", 0.7, 1.0), ("break_n", 0.1, 1e3),
        ):  # fmt: skip
            bounds = getattr(self, name)
            if not low <= bounds[0] <= bounds[1] <= high:
                raise ConfigError(f"{name} is {bounds}: use {low} to {high}, in order.")
        if not 0.0 < self.band_n <= self.press_n:
            raise ConfigError(f"band_n is {self.band_n}: use more than 0, up to press_n.")
        if not 0.0 < self.coverage <= 1.0:
            raise ConfigError(f"coverage is {self.coverage}: use more than 0, up to 1.")
        if not (min(self.reach_m) >= 0.0 and self.turn_rad >= 0.0):
            raise ConfigError("reach_m and turn_rad must not be negative.")


class HumanoidWipe:
    """See the module; truth and goal are documented at `truth` and `goal_schema`."""

    CONFIG: ClassVar[type[HumanoidWipeConfig]] = HumanoidWipeConfig
    ROBOT: ClassVar[str] = "humanoid"
    RIG: ClassVar[str] = "head64"

    def __init__(self, config: HumanoidWipeConfig) -> None:
        self.config = config
        self._radius_m = 0.1
        self._break_n = 20.0
        self._plate: Thing | None = None
        self._sponge: Thing | None = None
        self._spots: Troupe | None = None
        self._spots_m = np.zeros((0, 3))
        self._grid = WipedGrid(0.1)
        self._start_m = np.zeros(3)
        self._force = np.zeros(4)

    @property
    def goal_schema(self) -> Schema:
        """The plate, where dirt is left on it (both from the robot), and the wanted force."""
        place = Field(shape=(3,), dtype="float32", unit="m", frame="base")
        return Schema(
            {
                "plate_m": place,
                "dirt_m": place,
                "press_n": Field(shape=(1,), dtype="float32", unit="N", low=0.0, high=100.0),
            }
        )

    @property
    def max_duration_s(self) -> float:
        """As configured."""
        return self.config.max_duration_s

    def build(self, stage: Stage, rng: np.random.Generator, draws: dict[str, Any]) -> Pose:
        """Draws room, table, plate, dirt, and where the robot stands."""
        config = self.config
        self._radius_m = radius = float(rng.uniform(*config.radius_m))
        self._break_n = float(rng.uniform(*config.break_n))
        height = float(rng.uniform(*config.table_height_m))
        room = RoomConfig(size_m=(4.0, 6.0), furniture=2)
        half = tuple(float(v) for v in 0.5 * rng.uniform(*room.size_m, 2))
        # The robot stands at the origin and looks along x; the table's edge is before its toes.
        free = np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 0.8], [0.5, -0.8]])
        build_room(stage, room, rng, draws, free, (half[0], half[1]))
        table = Table(half_m=(0.32, float(rng.uniform(0.55, 0.75))), height_m=height)
        edge = 0.18
        build_table(stage, "table", Pose.of(edge + table.half_m[0]), table, rng)
        x = edge + radius + float(rng.uniform(0.0, config.reach_m[0]))
        y = -0.23 + float(rng.uniform(-1.0, 1.0)) * config.reach_m[1]
        self._plate = build_plate(stage, "plate", Pose.of(x, y, height), radius,
                                  float(rng.uniform(0.45, 0.75)))  # fmt: skip
        self._start_m = np.array([x, y, height])
        self._dirty(stage, rng)
        color = [(0.75, 0.60, 0.05), (0.10, 0.35, 0.70), (0.75, 0.25, 0.35)][int(rng.integers(3))]
        self._sponge = build_sponge(stage, "sponge", Pose.of(0.3, 0.4, height + 0.03), color)
        turn = float(rng.uniform(-1.0, 1.0)) * config.turn_rad
        self._grid = WipedGrid(flat_radius_m(radius))
        self._force = np.zeros(4)
        draws |= {
            "plate_radius_m": radius, "plate_m": self._start_m.tolist(), "break_n": self._break_n,
            "table_height_m": height, "heading_rad": turn,
        }  # fmt: skip
        return Pose.of(float(rng.uniform(-0.01, 0.01)), 0.0, yaw_rad=turn)

    def begin(self, stage: Stage, robot: Robot) -> None:
        """Puts the sponge into the right hand."""
        body = _humanoid(robot)
        assert self._sponge is not None
        body.give(RIGHT, Held(thing=self._sponge, body_m=SPONGE_GRIP_M, mass_kg=0.03, drop_m=0.065))

    def judge(self, stage: Stage, robot: Robot, t_ns: int) -> Verdict:
        """Rewards what was wiped with the right force; ends when clean, broken, pushed, fallen."""
        body, config = _humanoid(robot), self.config
        plate = self._plate_pose(stage)
        mean, peak = float(body.pressing.mean_n[RIGHT]), float(body.pressing.peak_n[RIGHT])
        sponge = self._sponge_pose(body)
        local = plate.inverse() @ sponge
        over = math.hypot(*local.position_m[:2]) < self._radius_m + 0.05
        right = abs(mean - config.press_n) <= config.band_n
        wiped = 0
        if over and mean >= config.press_n - config.band_n:
            wiped = self._grid.wipe(local, (SPONGE_HALF_M[0], SPONGE_HALF_M[1]))
        if over and mean > 0.5:
            self._force += (1.0, mean, mean * mean, float(right))
        self._show_dirt(stage, plate)
        slip = float(np.linalg.norm((plate.position_m - self._start_m)[:2]))
        causes = {
            "broken": over and peak > self._break_n,
            "pushed_away": slip > config.slip_m or plate.position_m[2] < self._start_m[2] - 0.02,
            f"fall_{body.fall_cause}": bool(body.fall_cause),
        }
        failure = next((name for name, holds in causes.items() if holds), "")
        done = self._grid.coverage >= config.coverage and not failure
        cause = failure or ("done" if done else "")
        return Verdict(
            reward_terms={
                "wiped": 5.0 * wiped / self._grid.count,
                "force": (0.02 if right else -0.01) if over and mean > 0.5 else 0.0,
                "time": -0.005,
                "failure": -5.0 if failure else 0.0,
            },
            terminated=bool(cause),
            success=done,
            cause=cause,
            events=self._events(t_ns, cause, peak, slip),
        )

    def goal(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """See `goal_schema`."""
        base = robot.state().links["base"].world_T_link.inverse()
        plate = self._plate_pose(stage)
        places = np.zeros((2, 3))
        places[0, 2] = places[1, 2] = 0.5 * PLATE_THICK_M
        places[1, :2] = self._grid.nearest(plate.inverse() @ self._sponge_pose(_humanoid(robot)))
        seen = base.transform_points(plate.transform_points(places)).astype(np.float32)
        dirt = seen[1] if self.config.tell_dirt else np.zeros(3, np.float32)
        press = np.array([self.config.press_n], np.float32)
        return {"plate_m": seen[0], "dirt_m": dirt, "press_n": press}

    def truth(self, stage: Stage, robot: Robot) -> dict[str, npt.NDArray[Any]]:
        """What an expert and a critic need; places in the base frame.

        `plate_m` (3,), middle of its upper face; `sponge_m` (3,), middle of the sponge's lower
        face; `grip_m` (3,) and `grip_rest_m` (3,), the right grip and where it is at ease;
        `dirt_m` (3,), the dirt that is nearest to the sponge's middle; `plate_radius_m`;
        `force_n` and `peak_n` of the last step; `press_n` that is asked for; `break_n`;
        `coverage`; `force_stats` (4,): steps in contact, sums of force and of its square, steps
        within the band; `wiped` (GRID, GRID) int16 about the plate's middle, axes of the plate:
        0 dirty, 1 wiped, -1 no part of the flat.
        """
        body = _humanoid(robot)
        state = robot.state()
        base = state.links["base"].world_T_link.inverse()
        goal = self.goal(stage, robot)
        plate = self._plate_pose(stage)
        sponge = self._sponge_pose(body)
        dirt = np.array([*self._grid.nearest(plate.inverse() @ sponge), 0.5 * PLATE_THICK_M])
        grip = body.hand_pose(RIGHT).transform_points(GRIP_POINT_M)
        return {
            "plate_m": goal["plate_m"].astype(np.float64),
            "sponge_m": base.transform_points(sponge.position_m),
            "grip_m": base.transform_points(grip),
            "grip_rest_m": body.control.rest_m[RIGHT].copy(),
            "dirt_m": base.transform_points(plate.transform_points(dirt)),
            "plate_radius_m": np.array(self._radius_m),
            "force_n": np.array(body.pressing.mean_n[RIGHT]),
            "peak_n": np.array(body.pressing.peak_n[RIGHT]),
            "press_n": np.array(self.config.press_n),
            "break_n": np.array(self._break_n),
            "coverage": np.array(self._grid.coverage),
            "force_stats": self._force.copy(),
            "wiped": self._grid.image(),
        }

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """What was wiped and how."""
        return {"wiped": self._grid.wiped.copy(), "force": self._force.copy()}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this episode."""
        self._grid.wiped = snapshot["wiped"].copy()
        self._force = snapshot["force"].copy()

    def _events(self, t_ns: int, cause: str, peak_n: float, slip_m: float) -> tuple[Event, ...]:
        if not cause:
            return ()
        steps, total, _, right = self._force
        detail = {
            "coverage": round(self._grid.coverage, 4),
            "mean_force_n": round(float(total / max(steps, 1.0)), 3),
            "in_band": round(float(right / max(steps, 1.0)), 4),
            "peak_n": round(peak_n, 3),
            "slip_m": round(slip_m, 4),
        }
        kind = "plate_clean" if cause == "done" else cause
        return (Event(t_ns=t_ns, kind=kind, detail=detail),)

    def _dirty(self, stage: Stage, rng: np.random.Generator) -> None:
        """Puts spots of dirt on the plate, which go as they are wiped."""
        assert self._plate is not None
        self._spots_m = spots(flat_radius_m(self._radius_m), 0.03, rng)
        sauce = replace(MATERIALS.get("skin"), color=(0.16, 0.045, 0.012), specular=0.03)
        found = []
        for number, (x, y, size) in enumerate(self._spots_m):
            look = Look(
                shape=Cylinder(float(size), _SPOT_THICK_M),
                material=sauce,
                semantic=SemanticClass.DISH,
                body_T_look=Pose.of(float(x), float(y), 0.5 * PLATE_THICK_M),
            )
            place = Pose.of(*self._start_m) @ Pose.of(0.0, 0.0, 0.5 * PLATE_THICK_M)
            found.append(stage.add(f"dirt_{number}", place, looks=[look], of=self._plate))
        self._spots = Troupe(stage, found)

    def _show_dirt(self, stage: Stage, plate: Pose) -> None:
        assert self._spots is not None
        gone = self._grid.is_wiped(self._spots_m[:, :2])
        hidden_m = (plate @ _HIDDEN).position_m
        still = np.zeros((len(gone), 3))
        self._spots.move_freely(
            np.where(gone[:, None], hidden_m, plate.position_m),
            np.tile(plate.quaternion_xyzw, (len(gone), 1)),
            still,
            still,
        )

    def _plate_pose(self, stage: Stage) -> Pose:
        assert self._plate is not None
        assert self._plate.body is not None
        return Pose(*stage.world.pose(self._plate.body))

    def _sponge_pose(self, body: Humanoid) -> Pose:
        """Middle of the sponge's lower face."""
        down = GRIP_POINT_M - SPONGE_GRIP_M - np.array([0.0, 0.0, SPONGE_HALF_M[2]])
        return body.hand_pose(RIGHT) @ Pose(down, np.array([0.0, 0.0, 0.0, 1.0]))


def _humanoid(robot: Robot) -> Humanoid:
    if not isinstance(robot, Humanoid):
        raise ConfigError(f"This task is made for a humanoid, not for {type(robot).__name__}.")
    return robot


__all__ = ["CELL_M", "GRID", "HumanoidWipe", "HumanoidWipeConfig"]
