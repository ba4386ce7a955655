"""The world as the sensors see it: placed shapes with poses, velocities, materials and ids.

Poses are float64 in the world frame and may be set anew at every step; nothing is rebuilt. Only
adding and removing touches the order of rows, and only a shape that was never seen before touches
the mesh store. Handles are stable; rows of the arrays are compact and may move when one is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError, StateError
from fleetloop.envs.trace import layout
from fleetloop.envs.trace.layout import MeshArrays
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.material import Material, MaterialTable
from fleetloop.envs.trace.meshes import MeshStore
from fleetloop.envs.trace.rows import Rows, ScenePoses
from fleetloop.envs.trace.shapes import HeightField, Mesh, Shape, row_shape

if TYPE_CHECKING:
    from fleetloop.envs.trace.bullet import BulletMirror

Vector = Sequence[float] | npt.NDArray[np.float64]
Handles = Sequence[int] | npt.NDArray[np.int64]

_IDENTITY = (0.0, 0.0, 0.0, 1.0)
_ORIGIN = (0.0, 0.0, 0.0)
_FIRST_CAPACITY = 64


class Scene:
    """Placed shapes, their materials and the light.

    Args:
        materials: The material table; a new one with the default material if None.
        light: Sun, sky, weather and lamps; clear daylight if None.

    Attributes:
        materials: See above; rows may be added at any time.
        light: See above; may be replaced at any time.
        mirror: Reads poses from a PyBullet client if the scene came from one, else None.
    """

    def __init__(self, materials: MaterialTable | None = None, light: Light | None = None) -> None:
        self.materials = MaterialTable() if materials is None else materials
        self.light = Light() if light is None else light
        self.mirror: BulletMirror | None = None
        self._meshes = MeshStore()
        self._shapes: dict[int, Shape] = {}
        self._row_of_handle: dict[int, int] = {}
        self._handle_of_row: list[int] = []
        self._next_handle = 1
        self._count = 0
        self._rows = Rows.empty(_FIRST_CAPACITY)
        self._integers: npt.NDArray[np.int32] | None = None

    @classmethod
    def from_bullet(
        cls,
        client_id: int,
        *,
        instance: Callable[[int, int], int] | None = None,
        semantic: Callable[[int, int], int] | None = None,
        velocities: bool = True,
    ) -> Scene:
        """Mirrors everything that a PyBullet client shows; call `sync` after its steps.

        Args:
            client_id: What `pybullet.connect` returned.
            instance: (body, link) -> public instance id > 0; body + 1 if None.
            semantic: (body, link) -> class 0..255; 0 for all if None.
            velocities: Whether to read velocities as well.
        """
        from fleetloop.envs.trace.bullet import BulletMirror

        scene = cls()
        scene.mirror = BulletMirror(
            scene, client_id, instance=instance, semantic=semantic, velocities=velocities
        )
        scene.mirror.sync()
        return scene

    def copy(self) -> Scene:
        """An independent scene that holds the same shapes, under the same handles.

        Meshes are shared: a hundred episodes in one town cost its arrays once, and beginning one
        costs no more than what differs.

        Raises:
            StateError: The scene mirrors a PyBullet client, of which there is one.
        """
        if self.mirror is not None:
            raise StateError(
                "A scene that mirrors a PyBullet client cannot be copied: mirror the client again "
                "by Scene.from_bullet."
            )
        made = Scene(self.materials.copy(), self.light)
        made._meshes = self._meshes.copy()
        made._shapes = dict(self._shapes)
        made._row_of_handle = dict(self._row_of_handle)
        made._handle_of_row = list(self._handle_of_row)
        made._next_handle, made._count = self._next_handle, self._count
        made._rows = self._rows.copy()
        return made

    def sync(self, *, fixed: bool = False) -> None:
        """Takes over poses, new and removed bodies and changed looks from the PyBullet client.

        The poses before it become the previous ones of optical flow.

        Args:
            fixed: Read bodies without mass and joints again, after they were moved by hand.

        Raises:
            StateError: The scene did not come from `Scene.from_bullet`.
        """
        if self.mirror is None:
            raise StateError("This scene has no PyBullet client; make it by Scene.from_bullet.")
        self.mirror.sync(fixed=fixed)

    def __len__(self) -> int:
        return self._count

    def add(
        self,
        shape: Shape,
        position_m: Vector = _ORIGIN,
        quaternion_xyzw: Vector = _IDENTITY,
        *,
        material: Material | int = 0,
        semantic: int = 0,
        instance_id: int | None = None,
        velocity_m_s: Vector = _ORIGIN,
        angular_velocity_rad_s: Vector = _ORIGIN,
    ) -> int:
        """Places a shape and returns its handle.

        Args:
            shape: Any of `fleetloop.envs.trace.shapes`.
            position_m: (3,) world.
            quaternion_xyzw: (4,) world_q_local; normalised here.
            material: A material, or a row of `materials`.
            semantic: Class id, 0..255; 0 means nothing in the images.
            instance_id: What the instance images show, > 0; several shapes may share one. The
                handle if None.
            velocity_m_s: (3,) world, of the local origin.
            angular_velocity_rad_s: (3,) world.

        Raises:
            ConfigError: A value is out of range.
        """
        row_data = row_shape(shape)
        handle = self._next_handle
        public_id = handle if instance_id is None else int(instance_id)
        if public_id <= 0:
            raise ConfigError(f"instance_id is {public_id}; ids are positive, 0 means nothing.")
        if not 0 <= semantic <= 255:
            raise ConfigError(f"semantic is {semantic}; class ids lie in 0..255.")
        material_row = self._material_row(material)
        self._rows = self._rows.grown(self._count + 1)
        row = self._count
        self._rows.dims[row] = row_data.dims
        self._rows.spheres[row] = (*row_data.center_m, row_data.radius_m)
        self._integers = None
        integers = self._rows.integers[row]
        integers[:] = 0
        integers[layout.KIND] = row_data.kind
        integers[layout.MESH_INDEX] = -1
        integers[layout.MATERIAL] = material_row
        integers[layout.INSTANCE_ID] = public_id
        integers[layout.SEMANTIC] = semantic
        mesh = shape.mesh if isinstance(shape, HeightField) else shape
        if isinstance(mesh, Mesh):
            integers[layout.MESH_INDEX] = self._meshes.acquire(mesh)
        self._count += 1
        self._next_handle += 1
        self._shapes[handle] = shape
        self._row_of_handle[handle] = row
        self._handle_of_row.append(handle)
        if position_m is _ORIGIN and quaternion_xyzw is _IDENTITY:
            # Scenery in world coordinates: most of what a town adds at each reset.
            self._rows.position_m[row], self._rows.quaternion[row] = _ORIGIN, _IDENTITY
        else:
            self.set_poses([handle], np.asarray(position_m), np.asarray(quaternion_xyzw))
        if velocity_m_s is _ORIGIN and angular_velocity_rad_s is _ORIGIN:
            self._rows.velocity_m_s[row] = self._rows.angular_velocity_rad_s[row] = 0.0
        else:
            self.set_velocities(
                [handle], np.asarray(velocity_m_s), np.asarray(angular_velocity_rad_s)
            )
        self._rows.previous_position_m[row] = self._rows.position_m[row]
        self._rows.previous_quaternion[row] = self._rows.quaternion[row]
        return handle

    def remove(self, handle: int) -> None:
        """Takes a shape out of the scene."""
        row = self._row(handle)
        self._integers = None
        mesh = int(self._rows.integers[row, layout.MESH_INDEX])
        if mesh >= 0:
            self._meshes.release(mesh)
        last = self._count - 1
        if row != last:
            self._rows.move(last, row)
            moved = self._handle_of_row[last]
            self._handle_of_row[row] = moved
            self._row_of_handle[moved] = row
        self._handle_of_row.pop()
        del self._row_of_handle[handle], self._shapes[handle]
        self._count -= 1

    def set_poses(
        self, handles: Handles, positions_m: npt.ArrayLike, quaternions_xyzw: npt.ArrayLike
    ) -> None:
        """Moves shapes.

        Args:
            handles: (n,) as returned by `add`.
            positions_m: (n, 3) world.
            quaternions_xyzw: (n, 4) world_q_local; normalised here.

        Raises:
            ConfigError: Another shape, or numbers that are not finite.
        """
        rows = self.rows_of(handles)
        try:
            positions = np.asarray(positions_m, dtype=np.float64).reshape(len(rows), 3)
            quaternions = np.asarray(quaternions_xyzw, dtype=np.float64).reshape(len(rows), 4)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{len(rows)} shapes need positions (n, 3) and quaternions xyzw (n, 4): {error}."
            ) from error
        self.set_row_poses(rows, positions, quaternions)

    def set_row_poses(
        self,
        rows: npt.NDArray[np.int64],
        positions_m: npt.NDArray[np.float64],
        quaternions_xyzw: npt.NDArray[np.float64],
    ) -> None:
        """As `set_poses` for rows from `rows_of`, which hold until the next `add` or `remove`."""
        norm = np.sqrt(np.einsum("ij,ij->i", quaternions_xyzw, quaternions_xyzw))
        # Sums are finite only if all their terms are; a zero quaternion has no direction.
        if not (np.isfinite(positions_m.sum() + norm.sum()) and (norm > 0.0).all()):
            raise ConfigError(
                "A pose holds a number that is not finite, or a quaternion of length zero."
            )
        self._rows.position_m[rows] = positions_m
        self._rows.quaternion[rows] = quaternions_xyzw / norm[:, None]

    def set_velocities(
        self,
        handles: Handles,
        velocities_m_s: npt.ArrayLike,
        angular_velocities_rad_s: npt.ArrayLike,
    ) -> None:
        """Sets how shapes move within a frame: rolling shutters, LiDAR sweeps, velocity images.

        Args:
            handles: (n,) as returned by `add`.
            velocities_m_s: (n, 3) world, of the local origins.
            angular_velocities_rad_s: (n, 3) world.
        """
        rows = self.rows_of(handles)
        self.set_row_velocities(
            rows,
            np.asarray(velocities_m_s, dtype=np.float64).reshape(len(rows), 3),
            np.asarray(angular_velocities_rad_s, dtype=np.float64).reshape(len(rows), 3),
        )

    def set_row_velocities(
        self,
        rows: npt.NDArray[np.int64],
        linear_m_s: npt.NDArray[np.float64],
        angular_rad_s: npt.NDArray[np.float64],
    ) -> None:
        """As `set_velocities` for rows from `rows_of`."""
        if not np.isfinite(linear_m_s.sum() + angular_rad_s.sum()):
            raise ConfigError("A velocity holds a number that is not finite.")
        self._rows.velocity_m_s[rows] = linear_m_s
        self._rows.angular_velocity_rad_s[rows] = angular_rad_s

    def set_material(self, handle: int, material: Material | int) -> None:
        """Gives a shape another look."""
        self._rows.integers[self._row(handle), layout.MATERIAL] = self._material_row(material)
        self._integers = None

    def set_semantic(self, handle: int, semantic: int) -> None:
        """Gives a shape another class, 0..255."""
        if not 0 <= semantic <= 255:
            raise ConfigError(f"semantic is {semantic}; class ids lie in 0..255.")
        self._rows.integers[self._row(handle), layout.SEMANTIC] = semantic
        self._integers = None

    def keep_previous(self, handles: Handles | None = None) -> None:
        """Remembers the present poses as those of the previous frame, for optical flow.

        Args:
            handles: Of which shapes; all if None.
        """
        rows = slice(0, self._count) if handles is None else self.rows_of(handles)
        self._rows.previous_position_m[rows] = self._rows.position_m[rows]
        self._rows.previous_quaternion[rows] = self._rows.quaternion[rows]

    def shape(self, handle: int) -> Shape:
        """The shape behind a handle."""
        self._row(handle)
        return self._shapes[handle]

    def pose(self, handle: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """World position (3,) and quaternion xyzw (4,) of a shape."""
        row = self._row(handle)
        return self._rows.position_m[row].copy(), self._rows.quaternion[row].copy()

    def poses(self) -> ScenePoses:
        """Where everything is now, to be kept until the next frame of one sensor.

        Sensors have rates of their own, so each keeps the poses of its last capture and hands them
        to the optical flow of its next one as `View.previous_poses`.
        """
        handles = np.array(self._handle_of_row, dtype=np.int64)
        return ScenePoses(handles, *(column.copy() for column in self.motion))

    @property
    def handles(self) -> tuple[int, ...]:
        """Handles of all shapes, in the order of rows."""
        return tuple(self._handle_of_row)

    def rows_of(self, handles: Handles) -> npt.NDArray[np.int64]:
        """Rows of handles, (n,)."""
        return np.array([self._row(int(handle)) for handle in handles], dtype=np.int64)

    # What `instances` and `tracer` read.

    @property
    def mesh_arrays(self) -> MeshArrays:
        """All meshes end to end."""
        return self._meshes.arrays

    @property
    def row_integers(self) -> npt.NDArray[np.int32]:
        """(rows, JCOLS) with FLAGS taken from the materials' alpha; not to be written."""
        if self._integers is None:
            rows = self._rows.integers[: self._count].copy()
            alpha = self.materials.alpha[rows[:, layout.MATERIAL]]
            rows[:, layout.FLAGS] = np.where(alpha < 0.5, layout.SEE_THROUGH, 0) | np.where(
                alpha < 1.0, layout.BLENDED, 0
            )
            self._integers = rows
        return self._integers

    @property
    def has_blended(self) -> bool:
        """Whether anything lets light through."""
        return bool((self.row_integers[:, layout.FLAGS] & layout.BLENDED).any())

    @property
    def motion(self) -> tuple[npt.NDArray[np.float64], ...]:
        """Position, quaternion, velocity and angular velocity of all rows."""
        n = self._count
        return (
            self._rows.position_m[:n],
            self._rows.quaternion[:n],
            self._rows.velocity_m_s[:n],
            self._rows.angular_velocity_rad_s[:n],
        )

    def motion_at(self, poses: ScenePoses) -> tuple[npt.NDArray[np.float64], ...]:
        """As `motion`, where the rows were at other poses.

        Shapes that were added since are taken to have stood where they are now.
        """
        now = self.motion
        handles = np.array(self._handle_of_row, dtype=np.int64)
        if np.array_equal(handles, poses.handles):
            return poses[1:]
        order = np.argsort(poses.handles)
        known = np.isin(handles, poses.handles)
        at = order[np.searchsorted(poses.handles, handles[known], sorter=order)]
        then = tuple(column.copy() for column in now)
        for column, before in zip(then, poses[1:], strict=True):
            column[known] = before[at]
        return then

    @property
    def previous_motion(self) -> tuple[npt.NDArray[np.float64], ...]:
        """As `motion`, at the poses of `keep_previous`."""
        n = self._count
        return (
            self._rows.previous_position_m[:n],
            self._rows.previous_quaternion[:n],
            self._rows.velocity_m_s[:n],
            self._rows.angular_velocity_rad_s[:n],
        )

    @property
    def bodies(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Dimensions (rows, 3), and local bounding spheres (rows, 4): centre, radius."""
        return self._rows.dims[: self._count], self._rows.spheres[: self._count]

    def _row(self, handle: int) -> int:
        row = self._row_of_handle.get(handle)
        if row is None:
            raise ConfigError(f"Handle {handle} is not in this scene (never added, or removed).")
        return row

    def _material_row(self, material: Material | int) -> int:
        if isinstance(material, Material):
            return self.materials.add(material)
        known = len(self.materials)
        if not 0 <= material < known:
            raise ConfigError(f"Material row {material} does not exist; the table has {known}.")
        return int(material)
