"""The humanoid without an engine: it glides as it was measured to walk, and its hands reach.

For learning, with the same commands and senses as in full physics:

* The base follows the wanted speeds with first-order lags and the shares of them that the walker
  was measured to reach; it never falls and never leaves the level.
* Hands are moved by the same kernel. A hand that meets something presses on it as on a spring, the
  arm's own stiffness and that of what it holds in series, fitted to full physics.
* Legs swing to and fro in time with the steps; feet share the weight. Motors feel no torque.

`tests/robots/test_humanoid_fast.py` tells the gap between the two.
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import FloatArray, Pose
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.robots.humanoid.control import GRAVITY_M_S2, Control
from fleetloop.envs.robots.humanoid.holding import Pressing
from fleetloop.envs.robots.humanoid.kinematics import Tree
from fleetloop.envs.stage import Stage
from fleetloop.envs.trace.shapes import Box

REACHED = (0.95, 0.92, 1.03)
"""Parts of the wanted speeds forward, left and turning that the walker makes [measured]."""

LAG_S = (0.55, 0.30, 0.20)
"""Time constants with which it follows them [measured]."""

STIFFNESS_N_M = 700.0
"""Of an arm that presses a sponge, at its reference [fitted to full physics]."""

STEP_S = 0.5
_OUT_M = 0.05  # hands nearer to their places at ease meet nothing
_FINGERTIP_M = 0.04  # below the grip
_HALF_M = (0.14, 0.34, 0.6)  # of the box that the body touches things with
START_S = 1.0
"""From rest to the first step [measured]."""

X, Y, Z, YAW, VX, VY, TURN, PHASE, ASKED = range(9)
"""Rows of the base's state: place, heading, speeds in its own axes, phase of the steps, and for how
long it has been asked to move."""


class LegSwing:
    """How legs look while the base glides.

    Args:
        tree: The body.
    """

    def __init__(self, tree: Tree) -> None:
        names = tree.joints
        self._joints = np.array(
            [[names.index(f"{side}_{name}") for name in ("hip_pitch", "knee", "ankle_pitch")]
             for side in ("left", "right")]
        )  # fmt: skip

    def pose(self, base: FloatArray, ease: FloatArray, q: FloatArray) -> None:
        """Writes the joints of both legs.

        Args:
            base: The base's state.
            ease: Joints at ease.
            q: Joints, written.
        """
        reach = min(abs(float(base[VX])), 0.6) * STEP_S
        for side, sign in ((0, 1.0), (1, -1.0)):
            s, c = np.sin(base[PHASE]), np.cos(base[PHASE])
            bend = 0.5 * max(sign * c, 0.0) if base[PHASE] else 0.0
            hip = -sign * s * reach * (1.0 if base[VX] >= 0.0 else -1.0)
            joints = self._joints[side]
            q[joints] = ease[joints] + [hip - bend, 2.0 * bend, -hip - bend]

    @staticmethod
    def shares(base: FloatArray) -> FloatArray:
        """Parts of the weight on both feet, (2,)."""
        lean = 0.5 * float(np.tanh(4.0 * np.cos(base[PHASE]))) if base[PHASE] else 0.0
        return np.array([0.5 - lean, 0.5 + lean])


class Puppet:
    """What moves a humanoid where there is no engine.

    Args:
        stage: Where.
        control: Takes its commands, and knows where its hands are sent.
        tree: The body.
        world_T_pelvis: Where it starts.

    Attributes:
        base: State of the base, rows as above.
        body: Its number in the world.
    """

    def __init__(self, stage: Stage, control: Control, tree: Tree, world_T_pelvis: Pose) -> None:
        self._stage = stage
        self._control = control
        self._legs = LegSwing(tree)
        self.base = np.zeros(9)
        self.base[:3] = world_T_pelvis.position_m
        self.base[YAW] = float(world_T_pelvis.yaw_rad)
        part = Part(shape=Box(_HALF_M), body_T_part=Pose.of(0.0, 0.0, 0.05))
        substance = Substance(mass_kg=control.own_kg)
        self.body = stage.kinematic.add_body([part], world_T_pelvis, substance)

    @property
    def pose(self) -> Pose:
        """Of the pelvis."""
        x, y, z, yaw = (float(v) for v in self.base[:4])
        return Pose.of(x, y, z, yaw_rad=yaw)

    def advance(
        self, ticks: int, drops_m: FloatArray, but: frozenset[int], pressing: Pressing
    ) -> None:
        """Does some ticks; joints are then those of `Control.posture`.

        Args:
            ticks: How many.
            drops_m: How far below the grips what is held ends, (2,).
            but: Bodies that hands do not press on.
            pressing: Written.
        """
        support = np.full(2, -np.inf)
        grips = self.pose.transform_points(self._control.hands_m)
        drops = np.maximum(drops_m, _FINGERTIP_M)
        out = np.abs(self._control.hands_m - self._control.rest_m).max(axis=1) > _OUT_M
        for hand in np.flatnonzero(out):
            low = grips[hand] - [0.0, 0.0, drops[hand]]
            support[hand] = self._stage.kinematic.support_m(low, but)
        self._control.glide(
            self.base, np.array(LAG_S), np.array(REACHED), support, drops, pressing.row,
            STIFFNESS_N_M, START_S, ticks,
        )  # fmt: skip
        self._legs.pose(self.base, self._control.ease, self._control.posture)

    def foot_wrenches(self, soles_m: FloatArray, mass_kg: float) -> FloatArray:
        """Forces of the ground on both feet and their moments about the origin, (2, 6)."""
        wrenches = np.zeros((2, 6))
        wrenches[:, 2] = GRAVITY_M_S2 * mass_kg * self._legs.shares(self.base)
        wrenches[:, 3] = soles_m[:, 1] * wrenches[:, 2]
        wrenches[:, 4] = -soles_m[:, 0] * wrenches[:, 2]
        return wrenches
