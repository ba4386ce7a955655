"""The physics world: one PyBullet client for life, and the only simulation code that imports it.

Everything that PyBullet does badly by default is settled here: no shared default client, no
sleeping bodies, a fixed step, overlapping pairs in a fixed order. A reset empties the client and
builds anew; a snapshot holds the solver's contact cache too, so a restored world goes on bit for
bit.

PyBullet speaks of a body's pose as the pose of its centre of mass. Bodies here are made with the
centre of mass at their origin unless `com_m` says otherwise, and this file does the shifting.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError, MissingDependencyError, StateError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.envs.bodies import Contact as Contact
from fleetloop.envs.bodies import Inertial, Touching
from fleetloop.envs.bodies import Part as Part
from fleetloop.envs.bodies import Substance as Substance
from fleetloop.envs.bodies import WorldSnapshot as WorldSnapshot
from fleetloop.envs.trace.shapes import (
    Box,
    Capsule,
    Cylinder,
    HeightField,
    Plane,
    Shape,
    Sphere,
)

try:
    import pybullet as pb
except ImportError as error:  # pragma: no cover - depends on the installation
    raise MissingDependencyError(
        "PyBullet is not installed, and physics needs it (data, exports and the tracer do not). "
        "`pip install pybullet==3.2.7` has a ready wheel for CPython 3.11 on Linux x86-64; on "
        "other versions pip compiles it, which needs g++ and takes about five minutes."
    ) from error

SOLVER_ITERATIONS = 50


class World:
    """Rigid bodies under gravity.

    Args:
        rate: Physics ticks per second.
        gravity_m_s2: Along -z.

    Attributes:
        rate: As given.
        tick: Ticks since the last `clear`.
    """

    def __init__(self, rate: TickRate, gravity_m_s2: float = 9.80665) -> None:
        self.rate = rate
        self.gravity_m_s2 = gravity_m_s2
        self.tick = 0
        self._client = pb.connect(pb.DIRECT)
        if self._client < 0:
            raise StateError(
                "PyBullet gave no client: it holds 1024 at the most in a process. Close worlds "
                "that are no longer used."
            )
        self._com: dict[int, Pose] = {}
        self._generation = 0
        self._finalizer = weakref.finalize(self, _disconnect, self._client)
        self.clear()

    @property
    def closed(self) -> bool:
        """Whether the client was given back."""
        return not self._finalizer.alive

    @property
    def client(self) -> int:
        """PyBullet's number of this world's client."""
        return int(self._client)

    def clear(self) -> None:
        """Takes everything out of the world and sets time to zero."""
        pb.resetSimulation(physicsClientId=self._client)
        pb.setPhysicsEngineParameter(
            fixedTimeStep=self.rate.dt_s,
            numSolverIterations=SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
            physicsClientId=self._client,
        )
        pb.setGravity(0.0, 0.0, -self.gravity_m_s2, physicsClientId=self._client)
        self.tick = 0
        self._com = {}
        self._generation += 1

    def add_body(self, parts: Sequence[Part], world_T_body: Pose, substance: Substance) -> int:
        """Adds a rigid body and returns its number.

        Raises:
            ConfigError: No parts, or a shape that cannot collide.
        """
        if not parts:
            raise ConfigError("A body needs at least one collision part.")
        if len(parts) > 1 and substance.mass_kg > 0.0 and substance.inertia_kg_m2 is None:
            raise ConfigError("A moving body of several parts needs its inertia_kg_m2.")
        body_T_com = Pose(np.array(substance.com_m), np.array([0.0, 0.0, 0.0, 1.0]))
        world_T_com = world_T_body @ body_T_com
        com_T_parts = [body_T_com.inverse() @ part.body_T_part for part in parts]
        fixed = substance.mass_kg == 0.0
        body = pb.createMultiBody(
            baseMass=substance.mass_kg,
            baseCollisionShapeIndex=self._collision(parts[0].shape, com_T_parts[0], fixed=fixed),
            basePosition=world_T_com.position_m.tolist(),
            baseOrientation=world_T_com.quaternion_xyzw.tolist(),
            physicsClientId=self._client,
            **self._fixed_links(parts[1:], com_T_parts[1:], fixed=fixed),
        )
        self._com[body] = body_T_com
        for link in range(-1, len(parts) - 1):
            self._set_substance(body, link, substance)
        return int(body)

    def adopt(self, body: int) -> None:
        """Takes in a body that `fleetloop.envs.articulation` made, centre of mass at its origin."""
        self._com[body] = Pose.identity()

    def step(self) -> None:
        """Advances by one tick."""
        pb.stepSimulation(physicsClientId=self._client)
        self.tick += 1

    def pose(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Position (3,) metres and quaternion xyzw (4,) of a body's frame in the world."""
        position, quaternion = pb.getBasePositionAndOrientation(body, physicsClientId=self._client)
        com = self._com[body]
        if not com.position_m.any():
            return np.array(position), np.array(quaternion)
        world_T_body = Pose(np.array(position), np.array(quaternion)) @ com.inverse()
        return world_T_body.position_m, world_T_body.quaternion_xyzw

    def com_pose(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Position (3,) metres of the centre of mass and the body's quaternion xyzw (4,)."""
        position, quaternion = pb.getBasePositionAndOrientation(body, physicsClientId=self._client)
        return np.array(position), np.array(quaternion)

    def com_velocity(self, body: int) -> tuple[FloatArray, FloatArray]:
        """Velocity of the centre of mass (3,) m/s and turning (3,) rad/s, world axes."""
        linear, angular = pb.getBaseVelocity(body, physicsClientId=self._client)
        return np.array(linear), np.array(angular)

    def set_pose(self, body: int, world_T_body: Pose) -> None:
        """Puts a body somewhere; its velocity becomes zero."""
        world_T_com = world_T_body @ self._com[body]
        pb.resetBasePositionAndOrientation(
            body,
            world_T_com.position_m.tolist(),
            world_T_com.quaternion_xyzw.tolist(),
            physicsClientId=self._client,
        )

    def set_com_velocity(
        self, body: int, linear_m_s: FloatArray, angular_rad_s: FloatArray
    ) -> None:
        """Sets the velocity of a body's centre of mass and its turning, world axes."""
        pb.resetBaseVelocity(
            body, linear_m_s.tolist(), angular_rad_s.tolist(), physicsClientId=self._client
        )

    def apply_wrench(self, body: int, force_n: FloatArray, torque_nm: FloatArray) -> None:
        """Adds a force at the centre of mass and a torque for the next tick, world axes."""
        position, _ = pb.getBasePositionAndOrientation(body, physicsClientId=self._client)
        pb.applyExternalForce(
            body, -1, force_n.tolist(), position, pb.WORLD_FRAME, physicsClientId=self._client
        )
        pb.applyExternalTorque(
            body, -1, torque_nm.tolist(), pb.WORLD_FRAME, physicsClientId=self._client
        )

    def contacts(self, body: int) -> list[Contact]:
        """All touching points of a body after the last tick."""
        points = pb.getContactPoints(bodyA=body, physicsClientId=self._client)
        return [_contact(point, self.rate.dt_s) for point in points]

    def contact_wrench(self, body: int, but: Collection[int] = ()) -> FloatArray:
        """Sum of the contact forces on a body after the last tick.

        Args:
            body: The body, all its links together.
            but: Bodies whose touch does not count.

        Returns:
            (6,): force and its moment about the world's origin, world axes.
        """
        total = [0.0] * 6
        for point in pb.getContactPoints(bodyA=body, physicsClientId=self._client):
            if point[2] not in but:
                total = [a + b for a, b in zip(total, contact_wrench(point), strict=True)]
        return np.array(total)

    def inertial(self, body: int) -> Inertial:
        """Mass, inertia and friction of a body, as the engine has them."""
        told = [
            pb.getDynamicsInfo(body, link, physicsClientId=self._client)
            for link in range(-1, pb.getNumJoints(body, physicsClientId=self._client))
        ]
        return Inertial(
            mass_kg=float(sum(info[0] for info in told)),
            inertia_kg_m2=np.array(told[0][2], dtype=np.float64),
            friction=float(told[0][1]),
        )

    def touching(self) -> Touching:
        """All touching points between bodies after the last tick.

        Points of a pair that is near and does not press are left out, such as PyBullet keeps them.
        """
        points = [
            point for point in pb.getContactPoints(physicsClientId=self._client)
            if point[9] > 0.0 or point[8] <= 0.0
        ]  # fmt: skip
        ends = [((p[1], p[3]), (p[2], p[4])) for p in points]
        grip = {
            end: pb.getDynamicsInfo(*end, physicsClientId=self._client)[1]
            for end in sorted({end for pair in ends for end in pair})
        }
        rows = np.array([(*p[6], *p[7], p[9], p[10], *p[11], p[12], *p[13]) for p in points])
        rows = rows.reshape(-1, 15)
        return Touching(
            body=np.array([(a[0], b[0]) for a, b in ends], np.int64).reshape(-1, 2),
            link=np.array([(a[1], b[1]) for a, b in ends], np.int64).reshape(-1, 2),
            position_m=rows[:, 0:3],
            normal=rows[:, 3:6],
            normal_n=rows[:, 6],
            friction_n=rows[:, 7:8] * rows[:, 8:11] + rows[:, 11:12] * rows[:, 12:15],
            friction=np.array([grip[a] * grip[b] for a, b in ends], np.float64),
            has_force=np.ones(len(points), np.bool_),
        )

    def ray_cast(self, origins_m: FloatArray, ends_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Casts a few rays against collision shapes; sensors use the tracer instead.

        Args:
            origins_m: (n, 3), world.
            ends_m: (n, 3), world.

        Returns:
            Part of the way to the first hit (n,), 1 where nothing was hit; and normals (n, 3).

        Raises:
            ConfigError: More rays than PyBullet answers in one call.
        """
        if len(origins_m) >= pb.MAX_RAY_INTERSECTION_BATCH_SIZE:
            raise ConfigError(
                f"{len(origins_m)} rays are more than PyBullet casts at once "
                f"({pb.MAX_RAY_INTERSECTION_BATCH_SIZE - 1}); it would drop the rest silently."
            )
        hits = pb.rayTestBatch(origins_m.tolist(), ends_m.tolist(), physicsClientId=self._client)
        return np.array([hit[2] for hit in hits]), np.array([hit[4] for hit in hits])

    def snapshot(self) -> WorldSnapshot:
        """Keeps the whole state, contact cache included; free it with `release`."""
        state_id = pb.saveState(physicsClientId=self._client)
        return WorldSnapshot(tick=self.tick, generation=self._generation, content=state_id)

    def restore(self, snapshot: WorldSnapshot) -> None:
        """Goes back to a snapshot of the same episode.

        Raises:
            StateError: The world was cleared since; its bodies are gone.
        """
        if snapshot.generation != self._generation:
            raise StateError(
                "The snapshot belongs to an episode that is over: restore before the next reset."
            )
        pb.restoreState(snapshot.content, physicsClientId=self._client)
        self.tick = snapshot.tick

    def release(self, snapshot: WorldSnapshot) -> None:
        """Frees a snapshot's memory; nothing happens when it is gone already."""
        if snapshot.generation == self._generation:
            pb.removeState(snapshot.content, physicsClientId=self._client)

    def close(self) -> None:
        """Disconnects the client. Closing twice does no harm."""
        self._finalizer()

    def _collision(self, shape: Shape, com_T_shape: Pose, *, fixed: bool) -> int:
        number = pb.createCollisionShape(
            collisionFramePosition=com_T_shape.position_m.tolist(),
            collisionFrameOrientation=com_T_shape.quaternion_xyzw.tolist(),
            physicsClientId=self._client,
            **_collision_spec(shape, fixed=fixed),
        )
        if number < 0:
            raise ConfigError(f"PyBullet refused the collision shape {type(shape).__name__}.")
        return int(number)

    def _fixed_links(
        self, parts: Sequence[Part], com_T_parts: Sequence[Pose], *, fixed: bool
    ) -> dict[str, object]:
        """Further parts as massless links on fixed joints.

        PyBullet's compound shapes would be simpler, but several contact manifolds between one pair
        of bodies come back in another order from a restore (bullet3 issues 2982, 4387), and the
        world would go on differently. With one shape a link each manifold has its own pair.
        """
        count = len(parts)
        if count == 0:
            return {}
        shapes = [
            self._collision(part.shape, place, fixed=fixed)
            for part, place in zip(parts, com_T_parts, strict=True)
        ]
        still, upright = [[0.0, 0.0, 0.0]] * count, [[0.0, 0.0, 0.0, 1.0]] * count
        return {
            "linkMasses": [0.0] * count,
            "linkCollisionShapeIndices": shapes,
            "linkVisualShapeIndices": [-1] * count,
            "linkPositions": still,
            "linkOrientations": upright,
            "linkInertialFramePositions": still,
            "linkInertialFrameOrientations": upright,
            "linkParentIndices": [0] * count,
            "linkJointTypes": [pb.JOINT_FIXED] * count,
            "linkJointAxis": [[0.0, 0.0, 1.0]] * count,
        }

    def _set_substance(self, body: int, link: int, substance: Substance) -> None:
        options: dict[str, object] = {}
        if link == -1 and substance.inertia_kg_m2 is not None:
            options["localInertiaDiagonal"] = substance.inertia_kg_m2
        if substance.stiffness_n_m > 0.0:
            options["contactStiffness"] = substance.stiffness_n_m
            options["contactDamping"] = substance.damping_n_s_m
        pb.changeDynamics(
            body,
            link,
            lateralFriction=substance.friction,
            restitution=substance.restitution,
            linearDamping=substance.linear_damping,
            angularDamping=substance.angular_damping,
            # A sleeping body wakes at another tick after a restore than it did before.
            activationState=pb.ACTIVATION_STATE_DISABLE_SLEEPING,
            physicsClientId=self._client,
            **options,
        )


def _collision_spec(shape: Shape, *, fixed: bool) -> dict[str, object]:
    if isinstance(shape, Plane):
        return {"shapeType": pb.GEOM_PLANE}
    if isinstance(shape, Box):
        return {"shapeType": pb.GEOM_BOX, "halfExtents": list(shape.half_extents_m)}
    if isinstance(shape, Sphere):
        return {"shapeType": pb.GEOM_SPHERE, "radius": shape.radius_m}
    if isinstance(shape, Cylinder | Capsule):
        kind = pb.GEOM_CYLINDER if isinstance(shape, Cylinder) else pb.GEOM_CAPSULE
        return {"shapeType": kind, "radius": shape.radius_m, "height": 2.0 * shape.half_length_m}
    if isinstance(shape, HeightField):
        raise ConfigError("A height field collides as a mesh: add its `mesh` instead.")
    spec: dict[str, object] = {"shapeType": pb.GEOM_MESH, "vertices": shape.vertices_m.tolist()}
    if fixed:
        spec["indices"] = shape.triangles.ravel().tolist()
        spec["flags"] = pb.GEOM_FORCE_CONCAVE_TRIMESH
    return spec


def contact_wrench(point: tuple[Any, ...]) -> tuple[float, ...]:
    """Force on body A and its moment about the world's origin, of one row of PyBullet's."""
    (px, py, pz), (nx, ny, nz), normal = point[5], point[7], point[9]
    (ax, ay, az), (bx, by, bz) = point[11], point[13]
    a, b = point[10], point[12]
    x = nx * normal + ax * a + bx * b
    y = ny * normal + ay * a + by * b
    z = nz * normal + az * a + bz * b
    return (x, y, z, py * z - pz * y, pz * x - px * z, px * y - py * x)


def _contact(point: tuple[Any, ...], dt_s: float) -> Contact:
    # getContactPoints: [1] A, [2] B, [3], [4] links, [6] position on B, [7] normal on B towards A,
    # [8] distance, [9] normal force, [10]..[13] lateral friction forces and directions. They are of
    # many types and PyBullet names none: Any.
    _, body, other, link, other_link, _, position, normal, distance, force, *friction = point
    normal_array = np.array(normal, dtype=np.float64)
    total = normal_array * float(force)
    for magnitude, direction in ((friction[0], friction[1]), (friction[2], friction[3])):
        total = total + float(magnitude) * np.array(direction, dtype=np.float64)
    return Contact(
        int(body),
        int(other),
        int(link),
        int(other_link),
        np.array(position, dtype=np.float64),
        normal_array,
        total,
        float(distance),
    )


def _disconnect(client: int) -> None:
    if pb.isConnected(client):
        pb.disconnect(client)
