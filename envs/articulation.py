"""Bodies with joints in a `World`: loading, motors, joint and link readings.

Beside `fleetloop.envs.world` this is the only simulation code that imports PyBullet. A motor of
PyBullet's position control is a velocity constraint with a largest force, nearly rigid up to it;
its gain acts per tick. Motor targets are part of no snapshot: who commands sends them again before
the first tick after a restore.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np
import pybullet as pb

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.envs.trace.jit import kernel
from fleetloop.envs.world import World


class Articulation:
    """A tree of links in a world.

    Args:
        world: The world.
        urdf: Text of the URDF; one document may be loaded any number of times.
        world_T_base: Where its base goes, all joints at zero.
        joints: Order of the joints in all arrays; PyBullet's own if None.

    Attributes:
        body: Number in the world.
        joints: Names of the joints that move.
        links: Number of each link by name; the base is -1.

    Raises:
        ConfigError: PyBullet does not take the text, or `joints` are not the body's.
    """

    def __init__(
        self, world: World, urdf: str, world_T_base: Pose, joints: Sequence[str] | None = None
    ) -> None:
        self._world = world
        self._client = world.client
        self.body = _load(self._client, urdf, world_T_base)
        self.joints: tuple[str, ...] = ()
        self.links: dict[str, int] = {}
        self._indices: list[int] = []
        self._read_tree()
        if joints is not None:
            self._order(tuple(joints))
        world.adopt(self.body)

    def reset_joints(self, positions: FloatArray) -> None:
        """Puts all joints somewhere, at rest, and takes all motors' force away."""
        for index, position in zip(self._indices, positions.tolist(), strict=True):
            pb.resetJointState(self.body, index, position, 0.0, physicsClientId=self._client)
        self.drive_none()

    def drive(
        self,
        positions: FloatArray,
        velocities: FloatArray,
        forces: FloatArray,
        gain: float,
        damping: float = 1.0,
    ) -> None:
        """Gives every motor a target until the next call.

        Args:
            positions: (n,) rad or m.
            velocities: (n,) rad/s or m/s, that the targets move with.
            forces: (n,) largest torque or force.
            gain: Part of the position error that is closed in a tick.
            damping: Part of the velocity error that is closed in a tick.
        """
        count = len(self._indices)
        pb.setJointMotorControlArray(
            self.body,
            self._indices,
            pb.POSITION_CONTROL,
            targetPositions=positions.tolist(),
            targetVelocities=velocities.tolist(),
            forces=forces.tolist(),
            positionGains=[gain] * count,
            velocityGains=[damping] * count,
            physicsClientId=self._client,
        )

    def apply_torques(self, torques: FloatArray) -> None:
        """Gives every joint a torque (force) for the next tick; call `drive_none` once before."""
        pb.setJointMotorControlArray(
            self.body,
            self._indices,
            pb.TORQUE_CONTROL,
            forces=torques.tolist(),
            physicsClientId=self._client,
        )

    def drive_none(self) -> None:
        """Takes all motors' force away: the body falls limp."""
        count = len(self._indices)
        pb.setJointMotorControlArray(
            self.body,
            self._indices,
            pb.VELOCITY_CONTROL,
            forces=[0.0] * count,
            physicsClientId=self._client,
        )

    def read_joints(self, into: FloatArray) -> None:
        """Writes what all joints do after the last tick.

        Args:
            into: (2, n): positions, rad or m, and speeds; written.
        """
        rows = pb.getJointStates(self.body, self._indices, physicsClientId=self._client)
        into[:] = [[row[0] for row in rows], [row[1] for row in rows]]

    def read_base(self, into: FloatArray) -> None:
        """Writes how the base moves after the last tick.

        Args:
            into: (13,): position, quaternion xyzw, velocity, angular velocity, world; written.
        """
        position, quaternion = pb.getBasePositionAndOrientation(
            self.body, physicsClientId=self._client
        )
        linear, angular = pb.getBaseVelocity(self.body, physicsClientId=self._client)
        into[:] = (*position, *quaternion, *linear, *angular)

    def contact_wrenches(self, links: Mapping[int, int], into: FloatArray) -> None:
        """Writes sums of the contact forces on some links after the last tick.

        Args:
            links: Row of each link by its number.
            into: (rows, 6): force and its moment about the world's origin, world axes; written.
        """
        # One flat row a point: summing in Python costs more than PyBullet's answer.
        touching = []
        for p in pb.getContactPoints(bodyA=self.body, physicsClientId=self._client):
            row = links.get(p[3])
            if row is not None:
                touching.append((row, *p[5], *p[7], p[9], p[10], *p[11], p[12], *p[13]))
        into[:] = 0.0
        if touching:
            add_wrenches(np.array(touching), into)

    def set_friction(self, link: str, friction: float, *, spinning: float = 0.0) -> None:
        """Sets the Coulomb coefficient of a link, and that of turning on the spot."""
        pb.changeDynamics(
            self.body,
            self.links[link],
            lateralFriction=friction,
            spinningFriction=spinning,
            physicsClientId=self._client,
        )

    def push(self, link: str, force_n: FloatArray, position_m: FloatArray) -> None:
        """Adds a force at a point, both in the world, for the next tick."""
        pb.applyExternalForce(
            self.body,
            self.links[link],
            force_n.tolist(),
            position_m.tolist(),
            pb.WORLD_FRAME,
            physicsClientId=self._client,
        )

    def attach(
        self,
        link: str,
        body: int,
        link_m: FloatArray,
        body_m: FloatArray,
        *,
        turns: bool,
        max_force_n: float,
        body_q_link: FloatArray | None = None,
    ) -> int:
        """Ties a body of the world to a link, and returns the tie's number.

        A tie is part of no snapshot: who ties has to tie again after a restore.

        Args:
            link: The link.
            body: The body; it stops colliding with nothing by this, see `ignore`.
            link_m, body_m: The point that both share, (3,), from both centres of mass.
            turns: Whether the body may turn about the point; else its axes stay the link's.
            max_force_n: The tie gives way beyond it.
            body_q_link: Axes of the link in those of the body, xyzw (4,); the same if None.
        """
        tie = pb.createConstraint(
            self.body,
            self.links[link],
            body,
            -1,
            pb.JOINT_POINT2POINT if turns else pb.JOINT_FIXED,
            [0.0, 0.0, 0.0],
            link_m.tolist(),
            body_m.tolist(),
            [0.0, 0.0, 0.0, 1.0],
            [0.0, 0.0, 0.0, 1.0] if body_q_link is None else body_q_link.tolist(),
            physicsClientId=self._client,
        )
        pb.changeConstraint(tie, maxForce=max_force_n, physicsClientId=self._client)
        return int(tie)

    def detach(self, tie: int) -> None:
        """Unties what `attach` tied."""
        pb.removeConstraint(tie, physicsClientId=self._client)

    def ignore(self, body: int, links: Sequence[str], *, ignored: bool = True) -> None:
        """Lets some links pass through a body, or collide with it again."""
        for link in links:
            pb.setCollisionFilterPair(
                self.body, body, self.links[link], -1, int(not ignored),
                physicsClientId=self._client,
            )  # fmt: skip

    def gap_m(self, link: str, other: str, reach_m: float) -> float:
        """Distance between the collision shapes of two links, or `reach_m` where it is more."""
        points = pb.getClosestPoints(
            self.body,
            self.body,
            reach_m,
            self.links[link],
            self.links[other],
            physicsClientId=self._client,
        )
        return min((float(point[8]) for point in points), default=reach_m)

    def link_pose(self, link: str) -> Pose:
        """Where PyBullet has a link's frame, for tests of other kinematics."""
        if self.links[link] == -1:
            return Pose(*self._world.pose(self.body))
        state = pb.getLinkState(
            self.body, self.links[link], computeForwardKinematics=1, physicsClientId=self._client
        )
        return Pose(np.array(state[4]), np.array(state[5]))

    def _order(self, joints: tuple[str, ...]) -> None:
        if sorted(joints) != sorted(self.joints):
            raise ConfigError(
                f"The body's joints are {', '.join(self.joints)}, not {', '.join(joints)}."
            )
        numbers = dict(zip(self.joints, self._indices, strict=True))
        self.joints, self._indices = joints, [numbers[name] for name in joints]

    def _read_tree(self) -> None:
        base = pb.getBodyInfo(self.body, physicsClientId=self._client)[0].decode()
        self.links = {base: -1}
        names = []
        for index in range(pb.getNumJoints(self.body, physicsClientId=self._client)):
            info = pb.getJointInfo(self.body, index, physicsClientId=self._client)
            self.links[info[12].decode()] = index
            if info[2] in (pb.JOINT_REVOLUTE, pb.JOINT_PRISMATIC):
                names.append(info[1].decode())
                self._indices.append(index)
        self.joints = tuple(names)
        for index in range(-1, len(self.links) - 1):
            pb.changeDynamics(
                self.body,
                index,
                linearDamping=0.0,
                angularDamping=0.0,
                restitution=0.0,
                # A sleeping body wakes at another tick after a restore than it did before.
                activationState=pb.ACTIVATION_STATE_DISABLE_SLEEPING,
                physicsClientId=self._client,
            )


@kernel
def add_wrenches(points: FloatArray, into: FloatArray) -> None:
    """Adds the forces of contact points to the rows of what they touch.

    Args:
        points: (n, 16): row, place on A (3), normal towards A (3), normal force, and both friction
            forces with their directions (4 each).
        into: (rows, 6): force and its moment about the world's origin; added to.
    """
    for k in range(len(points)):
        p = points[k]
        row = int(p[0])
        x = p[4] * p[7] + p[9] * p[8] + p[13] * p[12]
        y = p[5] * p[7] + p[10] * p[8] + p[14] * p[12]
        z = p[6] * p[7] + p[11] * p[8] + p[15] * p[12]
        into[row, 0] += x
        into[row, 1] += y
        into[row, 2] += z
        into[row, 3] += p[2] * z - p[3] * y
        into[row, 4] += p[3] * x - p[1] * z
        into[row, 5] += p[1] * y - p[2] * x


def _load(client: int, urdf: str, world_T_base: Pose) -> int:
    # PyBullet reads files alone. The name follows from the content, since it may keep what it read.
    name = hashlib.sha256(urdf.encode()).hexdigest()[:24]
    with tempfile.TemporaryDirectory(prefix="fleetloop-urdf-") as folder:
        path = os.path.join(folder, f"{name}.urdf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(urdf)
        pb.setPhysicsEngineParameter(enableFileCaching=0, physicsClientId=client)
        try:
            body = pb.loadURDF(
                path,
                world_T_base.position_m.tolist(),
                world_T_base.quaternion_xyzw.tolist(),
                flags=pb.URDF_USE_INERTIA_FROM_FILE
                | pb.URDF_USE_SELF_COLLISION
                | pb.URDF_USE_SELF_COLLISION_EXCLUDE_PARENT,
                physicsClientId=client,
            )
        except pb.error as error:
            raise ConfigError(f"PyBullet cannot load the URDF of a body: {error}.") from error
    return int(body)
