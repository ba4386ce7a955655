"""Rigid transforms: the only geometry of frames in the project.

A pose is named `parent_T_child`: it takes points from child coordinates to parent coordinates, so
that names cancel when poses are chained: `world_T_cam = world_T_base @ base_T_cam`.

Frames of bodies and sensors have x forward, y left, z up. The optical frame of a camera has
z forward, x right, y down. Lengths are metres, angles radians, quaternions are xyzw with unit
norm (PyBullet's order). Leading dimensions `...` are a batch everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError

FloatArray = npt.NDArray[np.float64]

_Number = TypeVar("_Number", float, FloatArray)

_UNIT_TOLERANCE = 1e-3
_UNIT_ROUNDING = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A rigid transform, or a batch of them.

    Attributes:
        position_m: Origin of the child in the parent frame, (..., 3), metres.
        quaternion_xyzw: Rotation from child to parent, (..., 4), unit norm. Normalised here when
            it is within 1e-3 of unit norm.

    Raises:
        ConfigError: Wrong shapes, values that are not finite, or a quaternion far from unit norm.
    """

    position_m: FloatArray
    quaternion_xyzw: FloatArray

    def __post_init__(self) -> None:
        try:
            position = np.asarray(self.position_m, dtype=np.float64)
            quaternion = np.asarray(self.quaternion_xyzw, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"A pose needs arrays of numbers: {error}.") from error
        if position.shape[-1:] != (3,) or quaternion.shape[-1:] != (4,):
            raise ConfigError(
                f"A pose needs position (..., 3) and quaternion (..., 4), got {position.shape} and "
                f"{quaternion.shape}."
            )
        if position.shape[:-1] != quaternion.shape[:-1]:
            raise ConfigError(
                f"Position and quaternion of a pose need the same batch shape, got "
                f"{position.shape[:-1]} and {quaternion.shape[:-1]}."
            )
        if position.ndim == 1:
            self._check_one(position, quaternion)
            return
        if not (np.isfinite(position).all() and np.isfinite(quaternion).all()):
            raise ConfigError("A pose must be finite: it holds NaN or infinity.")
        norm = np.linalg.norm(quaternion, axis=-1, keepdims=True)
        if np.any(np.abs(norm - 1.0) > _UNIT_TOLERANCE):
            worst = float(norm.flat[np.argmax(np.abs(norm - 1.0))])
            raise ConfigError(
                f"A quaternion has norm {worst:.4g}, not 1: normalise it, and mind the order xyzw."
            )
        # What is of unit norm already is left as it is: a pose that was stored and read again must
        # be the same to the last bit, and dividing anew could move that.
        unit = np.abs(norm - 1.0) <= _UNIT_ROUNDING
        object.__setattr__(self, "position_m", position)
        object.__setattr__(self, "quaternion_xyzw", np.where(unit, quaternion, quaternion / norm))

    def _check_one(self, position: FloatArray, quaternion: FloatArray) -> None:
        """As for a batch, in plain floats, which are several times quicker and round alike."""
        x, y, z, w = quaternion.tolist()
        if not all(map(math.isfinite, (*position.tolist(), x, y, z, w))):
            raise ConfigError("A pose must be finite: it holds NaN or infinity.")
        norm = math.sqrt(x * x + y * y + z * z + w * w)
        if abs(norm - 1.0) > _UNIT_TOLERANCE:
            raise ConfigError(
                f"A quaternion has norm {norm:.4g}, not 1: normalise it, and mind the order xyzw."
            )
        if abs(norm - 1.0) > _UNIT_ROUNDING:
            quaternion = quaternion / norm
        object.__setattr__(self, "position_m", position)
        object.__setattr__(self, "quaternion_xyzw", quaternion)

    @classmethod
    def identity(cls) -> Pose:
        """The pose that changes nothing."""
        return cls(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))

    @classmethod
    def of(
        cls,
        x_m: float = 0.0,
        y_m: float = 0.0,
        z_m: float = 0.0,
        *,
        roll_rad: float = 0.0,
        pitch_rad: float = 0.0,
        yaw_rad: float = 0.0,
    ) -> Pose:
        """A pose from a position and angles: about z (yaw), then y (pitch), then x (roll)."""
        return cls(np.array([x_m, y_m, z_m]), quaternion_from_rpy(roll_rad, pitch_rad, yaw_rad))

    @classmethod
    def trusted(cls, position_m: FloatArray, quaternion_xyzw: FloatArray) -> Pose:
        """A pose of float64 arrays that are known to be as promised, such as a product of poses.

        Nothing is checked and nothing is normalised: for what is made at each step.
        """
        pose = object.__new__(cls)
        object.__setattr__(pose, "position_m", position_m)
        object.__setattr__(pose, "quaternion_xyzw", quaternion_xyzw)
        return pose

    @classmethod
    def from_matrix(cls, matrix: npt.ArrayLike) -> Pose:
        """A pose from homogeneous matrices, (..., 4, 4)."""
        matrix = np.asarray(matrix, dtype=np.float64)
        return cls(matrix[..., :3, 3], quaternion_from_rotation(matrix[..., :3, :3]))

    @property
    def rotation(self) -> FloatArray:
        """Rotation matrices from child to parent, (..., 3, 3)."""
        return rotation_from_quaternion(self.quaternion_xyzw)

    @property
    def matrix(self) -> FloatArray:
        """Homogeneous matrices, (..., 4, 4)."""
        result = np.zeros((*self.position_m.shape[:-1], 4, 4))
        result[..., :3, :3] = self.rotation
        result[..., :3, 3] = self.position_m
        result[..., 3, 3] = 1.0
        return result

    @property
    def yaw_rad(self) -> FloatArray:
        """Heading: angle about the parent's z axis of the child's x axis, (...)."""
        forward = self.rotation[..., :, 0]
        return np.asarray(np.arctan2(forward[..., 1], forward[..., 0]))

    def inverse(self) -> Pose:
        """`parent_T_child` to `child_T_parent`."""
        turned = quaternion_conjugate(self.quaternion_xyzw)
        return Pose(-rotate(turned, self.position_m), turned)

    def __matmul__(self, other: Pose) -> Pose:
        """Chains poses: `a_T_b @ b_T_c` is `a_T_c`."""
        if not isinstance(other, Pose):
            return NotImplemented
        if self.position_m.ndim == other.position_m.ndim == 1:
            return _chained(self, other)
        return Pose(
            self.position_m + rotate(self.quaternion_xyzw, other.position_m),
            quaternion_multiply(self.quaternion_xyzw, other.quaternion_xyzw),
        )

    def transform_points(self, points_child_m: npt.ArrayLike) -> FloatArray:
        """Takes points, (..., 3) metres, from the child frame to the parent frame."""
        return rotate(self.quaternion_xyzw, points_child_m) + self.position_m

    def transform_vectors(self, vectors_child: npt.ArrayLike) -> FloatArray:
        """Takes free vectors (..., 3) from the child frame to the parent frame: rotation only."""
        return rotate(self.quaternion_xyzw, vectors_child)


def _chained(outer: Pose, inner: Pose) -> Pose:
    """`outer @ inner` of single poses: the same sums in plain floats, in a tenth of the time."""
    (px, py, pz), (vx, vy, vz) = outer.position_m.tolist(), inner.position_m.tolist()
    ax, ay, az, aw = outer.quaternion_xyzw.tolist()
    bx, by, bz, bw = inner.quaternion_xyzw.tolist()
    tx, ty, tz = 2.0 * (ay * vz - az * vy), 2.0 * (az * vx - ax * vz), 2.0 * (ax * vy - ay * vx)
    position = (
        px + (vx + aw * tx + (ay * tz - az * ty)),
        py + (vy + aw * ty + (az * tx - ax * tz)),
        pz + (vz + aw * tz + (ax * ty - ay * tx)),
    )
    x = aw * bx + ax * bw + ay * bz - az * by
    y = aw * by - ax * bz + ay * bw + az * bx
    z = aw * bz + ax * by - ay * bx + az * bw
    w = aw * bw - ax * bx - ay * by - az * bz
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    if not (math.isfinite(sum(position)) and abs(norm - 1.0) <= _UNIT_TOLERANCE):
        return Pose(np.array(position), np.array((x, y, z, w)))  # which says what is wrong
    if abs(norm - 1.0) > _UNIT_ROUNDING:
        x, y, z, w = x / norm, y / norm, z / norm, w / norm
    return Pose.trusted(np.array(position), np.array((x, y, z, w)))


@dataclass(frozen=True, slots=True, eq=False)
class Twist:
    """Velocity of a frame: of its origin, and its turning.

    Attributes:
        linear_m_s: (..., 3), metres per second.
        angular_rad_s: (..., 3), radians per second.
    """

    linear_m_s: FloatArray
    angular_rad_s: FloatArray

    def __post_init__(self) -> None:
        for name in ("linear_m_s", "angular_rad_s"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape[-1:] != (3,) or not _finite(value):
                raise ConfigError(f"The {name} of a twist must be finite (..., 3), got {value!r}.")
            object.__setattr__(self, name, value)

    @classmethod
    def trusted(cls, linear_m_s: FloatArray, angular_rad_s: FloatArray) -> Twist:
        """As `Pose.trusted`."""
        twist = object.__new__(cls)
        object.__setattr__(twist, "linear_m_s", linear_m_s)
        object.__setattr__(twist, "angular_rad_s", angular_rad_s)
        return twist

    @classmethod
    def zero(cls) -> Twist:
        """At rest."""
        return cls(np.zeros(3), np.zeros(3))

    def at_offset(self, offset_m: npt.ArrayLike) -> Twist:
        """Velocity of a point fixed to the body at `offset_m` (..., 3) from the origin."""
        moved = self.linear_m_s + cross(self.angular_rad_s, offset_m)
        return Twist(moved, self.angular_rad_s)


def quaternion_from_rpy(roll_rad: float, pitch_rad: float, yaw_rad: float) -> FloatArray:
    """Quaternion xyzw of the rotation Rz(yaw) Ry(pitch) Rx(roll), (4,)."""
    half = np.array([roll_rad, pitch_rad, yaw_rad], dtype=np.float64) / 2.0
    (cr, cp, cy), (sr, sp, sy) = np.cos(half), np.sin(half)
    return np.array(
        [
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
            cr * cp * cy + sr * sp * sy,
        ]
    )


def quaternion_multiply(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Hamilton product of quaternions xyzw, (..., 4): first turns by `b`, then by `a`."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim == b.ndim == 1:
        (ax, ay, az, aw), (bx, by, bz, bw) = a.tolist(), b.tolist()
        return np.array(
            [
                aw * bx + ax * bw + ay * bz - az * by,
                aw * by - ax * bz + ay * bw + az * bx,
                aw * bz + ax * by - ay * bx + az * bw,
                aw * bw - ax * bx - ay * by - az * bz,
            ]
        )
    ax, ay, az, aw = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bx, by, bz, bw = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    product = np.empty(np.broadcast_shapes(a.shape, b.shape))
    product[..., 0] = aw * bx + ax * bw + ay * bz - az * by
    product[..., 1] = aw * by - ax * bz + ay * bw + az * bx
    product[..., 2] = aw * bz + ax * by - ay * bx + az * bw
    product[..., 3] = aw * bw - ax * bx - ay * by - az * bz
    return product


def quaternion_conjugate(quaternion_xyzw: npt.ArrayLike) -> FloatArray:
    """The inverse rotation of unit quaternions, (..., 4)."""
    return np.asarray(np.asarray(quaternion_xyzw, np.float64) * [-1.0, -1.0, -1.0, 1.0])


def cross(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Cross products (..., 3) with broadcasting batches.

    The same as `np.cross`, whose checks of other shapes cost ten times the sum itself.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim == b.ndim == 1:
        # Plain floats are twice as fast as arrays of one number, and round alike.
        (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
        return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    product = np.empty(np.broadcast_shapes(a.shape, b.shape))
    product[..., 0] = ay * bz - az * by
    product[..., 1] = az * bx - ax * bz
    product[..., 2] = ax * by - ay * bx
    return product


def rotate(quaternion_xyzw: npt.ArrayLike, vectors: npt.ArrayLike) -> FloatArray:
    """Turns vectors (..., 3) by unit quaternions (..., 4), both with broadcasting batches."""
    quaternion = np.asarray(quaternion_xyzw, np.float64)
    vectors = np.asarray(vectors, np.float64)
    if quaternion.ndim == vectors.ndim == 1:
        return _rotate_one(quaternion, vectors)
    axis, scalar = quaternion[..., :3], quaternion[..., 3:]
    twice = 2.0 * cross(axis, vectors)
    return np.asarray(vectors + scalar * twice + cross(axis, twice))


def _rotate_one(quaternion: FloatArray, vector: FloatArray) -> FloatArray:
    """As `rotate`, of one vector, in plain floats."""
    (qx, qy, qz, qw), (x, y, z) = quaternion.tolist(), vector.tolist()
    tx, ty, tz = 2.0 * (qy * z - qz * y), 2.0 * (qz * x - qx * z), 2.0 * (qx * y - qy * x)
    return np.array(
        [
            x + qw * tx + (qy * tz - qz * ty),
            y + qw * ty + (qz * tx - qx * tz),
            z + qw * tz + (qx * ty - qy * tx),
        ]
    )


def _finite(value: FloatArray) -> bool:
    if value.ndim == 1:
        return all(map(math.isfinite, value.tolist()))
    return bool(np.isfinite(value).all())


def rotation_from_quaternion(quaternion_xyzw: npt.ArrayLike) -> FloatArray:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    quaternion = np.asarray(quaternion_xyzw, np.float64)
    if quaternion.ndim == 1:
        x, y, z, w = quaternion.tolist()
        return np.array(_rotation_rows(x, y, z, w))
    x, y, z, w = np.moveaxis(quaternion, -1, 0)
    rows = _rotation_rows(x, y, z, w)
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _rotation_rows(x: _Number, y: _Number, z: _Number, w: _Number) -> list[list[_Number]]:
    return [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]


def quaternion_from_rotation(rotation: npt.ArrayLike) -> FloatArray:
    """Unit quaternions (..., 4) with w >= 0 of rotation matrices (..., 3, 3).

    Takes the largest of the four components first, which keeps full precision for every angle
    [Shepperd 1978, "Quaternion from rotation matrix"].

    Raises:
        ConfigError: A matrix is no rotation (not orthonormal, or a reflection).
    """
    matrix = np.asarray(rotation, np.float64)
    gram = matrix @ np.swapaxes(matrix, -1, -2)
    if not np.allclose(gram, np.eye(3), atol=1e-4) or np.any(np.linalg.det(matrix) < 0):
        raise ConfigError("A matrix given as rotation is not orthonormal with determinant +1.")
    trace = np.trace(matrix, axis1=-2, axis2=-1)
    diagonal = np.stack([matrix[..., 0, 0], matrix[..., 1, 1], matrix[..., 2, 2], trace], axis=-1)
    # Row k of `candidates` is 4 * q_k * (x, y, z, w): any row works, the largest is exact.
    off = {(i, j): (matrix[..., i, j], matrix[..., j, i]) for i, j in ((0, 1), (0, 2), (1, 2))}
    sums = {key: a + b for key, (a, b) in off.items()}
    diff_x, diff_y, diff_z = (
        off[1, 2][1] - off[1, 2][0],
        off[0, 2][0] - off[0, 2][1],
        off[0, 1][1] - off[0, 1][0],
    )
    square = 1.0 + 2.0 * diagonal[..., :3] - trace[..., None]
    candidates = np.stack(
        [
            np.stack([square[..., 0], sums[0, 1], sums[0, 2], diff_x], -1),
            np.stack([sums[0, 1], square[..., 1], sums[1, 2], diff_y], -1),
            np.stack([sums[0, 2], sums[1, 2], square[..., 2], diff_z], -1),
            np.stack([diff_x, diff_y, diff_z, 1.0 + trace], -1),
        ],
        axis=-2,
    )
    best = np.argmax(diagonal, axis=-1)
    chosen = np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :]
    unit = chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)
    return np.asarray(np.where(unit[..., 3:] < 0, -unit, unit))


def quaternion_from_rotation_vector(rotation_vector_rad: npt.ArrayLike) -> FloatArray:
    """Unit quaternions (..., 4) of axis times angle, (..., 3) radians."""
    vector = np.asarray(rotation_vector_rad, np.float64)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    # sinc keeps the small-angle limit: sin(a/2)/a = sinc(a/(2 pi))/2.
    scaled = vector * (0.5 * np.sinc(angle / (2.0 * np.pi)))
    return np.concatenate([scaled, np.cos(angle / 2.0)], axis=-1)


def rotation_vector_from_quaternion(quaternion_xyzw: npt.ArrayLike) -> FloatArray:
    """Axis times angle (..., 3), the shorter way round, of unit quaternions (..., 4)."""
    quaternion = np.asarray(quaternion_xyzw, np.float64)
    quaternion = np.where(quaternion[..., 3:] < 0, -quaternion, quaternion)
    sine = np.linalg.norm(quaternion[..., :3], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quaternion[..., 3:])
    scale = np.where(sine > 1e-12, angle / np.maximum(sine, 1e-300), 2.0)
    return np.asarray(quaternion[..., :3] * scale)


def slerp(a: npt.ArrayLike, b: npt.ArrayLike, fraction: npt.ArrayLike) -> FloatArray:
    """Turns evenly from unit quaternions `a` to `b` (..., 4); `fraction` (...) in [0, 1]."""
    start = np.asarray(a, np.float64)
    difference = quaternion_multiply(quaternion_conjugate(start), b)
    part = rotation_vector_from_quaternion(difference) * np.asarray(fraction)[..., None]
    return quaternion_multiply(start, quaternion_from_rotation_vector(part))


BASE_T_OPTICAL = Pose(np.zeros(3), np.array([-0.5, 0.5, -0.5, 0.5]))
"""Turns the optical frame (z forward, x right, y down) into a body frame (x forward, y left,
z up)."""
