"""The stage joins physics and senses: each thing is added once, to the world and to the scene.

What is felt (collision parts in `World`) and what is seen (looks in `Scene`) may differ: a car
collides as two boxes and looks like a car. All looks of a thing share its instance id, which stays
the same for the whole episode and is the same in every run of one seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose, Twist, cross, quaternion_multiply, rotate
from fleetloop.core.objects import Objects
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Physics, PhysicsWorld, Substance, WorldSnapshot
from fleetloop.envs.ground import FlatGround as FlatGround
from fleetloop.envs.ground import Ground
from fleetloop.envs.kinematic import KinematicWorld
from fleetloop.envs.objects import BookSnapshot, ObjectBook, Reaches
from fleetloop.envs.sensors.base import Surroundings
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Shape

if TYPE_CHECKING:
    from fleetloop.envs.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One visible shape of a thing.

    Attributes:
        shape: Any shape of the tracer.
        material: What it is made of, for all sensors.
        body_T_look: Where it sits in the thing.
        semantic: Its class.
    """

    shape: Shape
    material: Material
    semantic: SemanticClass
    body_T_look: Pose = field(default_factory=Pose.identity)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Thing:
    """Something on the stage.

    Attributes:
        name: Unique.
        instance_id: What instance images show.
        body: Number in the world, or None for a thing that is only seen.
        handles: Handles in the scene, one per look.
        look_positions_m, look_quaternions_xyzw: Mounts of the looks, (n, 3) and (n, 4).
    """

    name: str
    instance_id: int
    body: int | None
    handles: tuple[int, ...]
    look_positions_m: FloatArray
    look_quaternions_xyzw: FloatArray


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """The state of a stage."""

    world: WorldSnapshot
    objects: BookSnapshot


class Stage:
    """A world and a scene that stay together.

    Args:
        rate: Physics ticks per second.
        physics: `full` is PyBullet, `fast` has no engine.

    Attributes:
        physics: As given.
        world: Bodies; see also `bullet` and `kinematic`.
        scene: Shapes and light; a new one for each episode.
        surroundings: Air and place; may be replaced while an episode is built. Its rain and fog are
            those of `scene.light`: there is one weather, for cameras and range sensors alike.
        ground: What wheels and feet stand on; tasks replace it while they build.
        things: By name.
    """

    def __init__(self, rate: TickRate, physics: Physics = "full") -> None:
        self.physics = physics
        self.world = _world(rate, physics)
        self.scene = Scene()
        self._surroundings = Surroundings()
        self.ground: Ground = FlatGround()
        self.things: dict[str, Thing] = {}
        self._moving: list[Thing] = []
        self._book = ObjectBook()

    def clear(self) -> None:
        """Empties the stage for a new episode."""
        self.world.clear()
        self.scene = Scene()
        self._surroundings = Surroundings()
        self.ground = FlatGround()
        self.things = {}
        self._moving = []
        self._book = ObjectBook()

    @property
    def bullet(self) -> World:
        """The world, where a body needs PyBullet itself, such as one with joints.

        Raises:
            ConfigError: Physics is fast.
        """
        from fleetloop.envs.world import World

        if not isinstance(self.world, World):
            raise ConfigError(
                "This needs forces and joints, and fast physics has none: make the environment "
                "with physics='full'."
            )
        return self.world

    @property
    def kinematic(self) -> KinematicWorld:
        """The world, where a robot moves itself.

        Raises:
            ConfigError: Physics is full.
        """
        if not isinstance(self.world, KinematicWorld):
            raise ConfigError(
                "A robot that moves itself needs fast physics: make the environment with "
                "physics='fast'."
            )
        return self.world

    @property
    def surroundings(self) -> Surroundings:
        """Air, place, and the rain and fog of `scene.light`."""
        light, kept = self.scene.light, self._surroundings
        if (light.rain_mm_h, light.fog_visibility_m) != (kept.rain_mm_h, kept.fog_visibility_m):
            kept = self._surroundings = replace(
                kept, rain_mm_h=light.rain_mm_h, fog_visibility_m=light.fog_visibility_m
            )
        return kept

    @surroundings.setter
    def surroundings(self, value: Surroundings) -> None:
        light, clear = self.scene.light, Surroundings()
        weather = (value.rain_mm_h, value.fog_visibility_m)
        known = (
            (clear.rain_mm_h, clear.fog_visibility_m),
            (light.rain_mm_h, light.fog_visibility_m),
        )
        if weather not in known:
            raise ConfigError(
                f"Rain of {weather[0]} mm/h and a visibility of {weather[1]} m differ from those "
                "of the light: set the weather once, by stage.scene.light = Light(...)."
            )
        self._surroundings = value

    def add(
        self,
        name: str,
        world_T_body: Pose,
        *,
        looks: Sequence[Look] = (),
        parts: Sequence[Part] = (),
        substance: Substance | None = None,
        of: Thing | None = None,
        body: int | None = None,
        key_points_m: Mapping[str, npt.ArrayLike] | None = None,
        follows: bool = True,
    ) -> Thing:
        """Adds a thing.

        Args:
            name: Unique on this stage.
            world_T_body: Where.
            looks: What sensors see; may be empty (an invisible wall).
            parts: What collides; may be empty (a far tree).
            substance: Mass and friction; a fixed body if None. A thing with mass moves, and its
                looks follow it at each `sync`.
            of: The thing that this is a part of, such as a wheel's car: it shares its instance id,
                and its box.
            body: A body that the world has already, in place of `parts`; whoever made it moves the
                looks.
            key_points_m: Named points (3,) in the frame of the body that labels tell of; people
                have those of COCO, such as `left_knee`.
            follows: Whether `sync` moves its looks after its body; if not, whoever added it does.

        Raises:
            ConfigError: The name is taken.
        """
        if name in self.things:
            raise ConfigError(f"The stage has a thing called {name!r} already.")
        substance = substance or Substance()
        if parts:
            body = self.world.add_body(parts, world_T_body, substance)
        instance_id = len(self.things) + 1 if of is None else of.instance_id
        positions = np.array([look.body_T_look.position_m for look in looks])
        quaternions = np.array([look.body_T_look.quaternion_xyzw for look in looks])
        handles = self._show(looks, world_T_body, positions, quaternions, instance_id)
        thing = Thing(
            name=name,
            instance_id=instance_id,
            body=body,
            handles=handles,
            look_positions_m=positions,
            look_quaternions_xyzw=quaternions,
        )
        self.things[name] = thing
        self._book.add(
            name,
            instance_id,
            world_T_body,
            [(look.shape, look.body_T_look, look.semantic) for look in looks],
            key_points_m or {},
            moves=body is not None and substance.mass_kg > 0.0,
            of=None if of is None else of.name,
        )
        if follows and body is not None and substance.mass_kg > 0.0 and handles:
            self._moving.append(thing)
        return thing

    def sync(self) -> None:
        """Moves the looks of all moving things to where physics has them, with their velocities."""
        for thing in self._moving:
            assert thing.body is not None
            position, quaternion = self.world.pose(thing.body)
            com, _ = self.world.com_pose(thing.body)
            linear, angular = self.world.com_velocity(thing.body)
            twist = Twist(linear, angular).at_offset(position - com)
            self.place_looks(thing, Pose(position, quaternion), twist)

    def place_looks(self, thing: Thing, world_T_body: Pose, twist: Twist) -> None:
        """Moves the looks of a thing to a pose, with a velocity for scans that take time."""
        quaternion = world_T_body.quaternion_xyzw
        offsets = rotate(quaternion, thing.look_positions_m)
        turned = quaternion_multiply(quaternion, thing.look_quaternions_xyzw)
        self.scene.set_poses(thing.handles, world_T_body.position_m + offsets, turned)
        linear = twist.linear_m_s + cross(twist.angular_rad_s, offsets)
        angular = np.broadcast_to(twist.angular_rad_s, linear.shape)
        self.scene.set_velocities(thing.handles, linear, angular)
        self._book.place(thing.name, world_T_body, twist)

    def book_rows(self, things: Sequence[Thing]) -> npt.NDArray[np.int64]:
        """Numbers of things for `note_places`, (n,)."""
        return np.array([self._book.row_of(thing.name) for thing in things], dtype=np.int64)

    def note_places(
        self,
        rows: npt.NDArray[np.int64],
        position_m: FloatArray,
        quaternion_xyzw: FloatArray,
        linear_m_s: FloatArray,
        angular_rad_s: FloatArray,
    ) -> None:
        """Tells where things are whose looks were moved in the scene itself.

        Args:
            rows: (n,) from `book_rows`.
            position_m, quaternion_xyzw: (n, 3) and (n, 4), world.
            linear_m_s, angular_rad_s: (n, 3), of their origins, world axes.
        """
        self._book.place_rows(rows, position_m, quaternion_xyzw, linear_m_s, angular_rad_s)

    def reaches(self, rows: npt.NDArray[np.int64]) -> Reaches:
        """How far the looks of things reach, end to end, by `book_rows`."""
        return self._book.reaches(rows)

    def note_limbs(
        self, rows: npt.NDArray[np.int64], bounds_m: FloatArray, key_points_m: FloatArray
    ) -> None:
        """Tells boxes (n, 2, 3) and key points (n, points, 3) of things whose limbs moved."""
        self._book.place_limbs(rows, bounds_m, key_points_m)

    def objects(self, t_ns: int) -> Objects:
        """True poses, velocities, boxes and key points of what may have moved, at this instant.

        Of everything at the first call of an episode, and whenever something was added. Valid after
        `sync`, as pictures are.
        """
        return self._book.publish(t_ns)

    def name_of_body(self, body: int) -> str:
        """Name of the thing with this body."""
        return next(thing.name for thing in self.things.values() if thing.body == body)

    def snapshot(self) -> StageSnapshot:
        """Keeps the state of all bodies. Looks follow from it by `sync`."""
        return StageSnapshot(self.world.snapshot(), self._book.snapshot())

    def restore(self, snapshot: StageSnapshot) -> None:
        """Goes back to a snapshot of this episode.

        Raises:
            StateError: The episode of the snapshot is over.
        """
        self.world.restore(snapshot.world)
        self._book.restore(snapshot.objects)
        self.sync()

    def close(self) -> None:
        """Gives the physics client back."""
        self.world.close()

    def _show(
        self,
        looks: Sequence[Look],
        world_T_body: Pose,
        positions_m: FloatArray,
        quaternions_xyzw: FloatArray,
        instance_id: int,
    ) -> tuple[int, ...]:
        """Adds the looks of a thing to the scene, and puts them where they are all at once."""
        handles = tuple(
            self.scene.add(
                look.shape,
                material=look.material,
                semantic=int(look.semantic),
                instance_id=instance_id,
            )
            for look in looks
        )
        if handles:
            turn = world_T_body.quaternion_xyzw
            self.scene.set_poses(
                handles,
                world_T_body.position_m + rotate(turn, positions_m),
                quaternion_multiply(turn, quaternions_xyzw),
            )
            self.scene.keep_previous(handles)
        return handles


def _world(rate: TickRate, physics: Physics) -> PhysicsWorld:
    if physics == "fast":
        return KinematicWorld(rate)
    # Not before it is needed: fast physics works where PyBullet is not installed.
    from fleetloop.envs.world import World

    return World(rate)
