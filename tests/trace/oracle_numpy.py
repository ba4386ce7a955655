"""A slow, readable ray tracer in float64 NumPy: every ray against every shape, one formula each.

It shares no code with the kernels and takes other ways where there are any: quadratic equations
instead of closest approach, Moeller-Trumbore instead of edge functions, no culling and no trees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleetloop.envs.trace import shapes


class Hits(NamedTuple):
    t: np.ndarray  # (rays,) inf without a hit
    handle: np.ndarray  # (rays,) 0 without a hit
    normal: np.ndarray  # (rays, 3) world
    local: np.ndarray  # (rays, 3) hit point in the frame of the shape
    triangle: np.ndarray  # (rays,) index in the mesh as given, else -1


def rotation_matrix(q):
    x, y, z, w = np.asarray(q, float) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def trace(scene, origin, directions, t_min=0.0, t_max=np.inf):
    """First hits of rays (n, 3), world axes, from one origin (3,) or one each (n, 3)."""
    n = len(directions)
    origin = np.broadcast_to(np.asarray(origin, float), directions.shape)
    best = Hits(
        np.full(n, np.inf),
        np.zeros(n, int),
        np.zeros((n, 3)),
        np.zeros((n, 3)),
        np.full(n, -1),
    )
    for handle in scene.handles:
        position, quaternion = scene.pose(handle)
        rotation = rotation_matrix(quaternion)
        o = (origin - position) @ rotation
        d = directions @ rotation
        t, normal, triangle = intersect(scene.shape(handle), o, d, t_min)
        nearer = (t < best.t) & (t > t_min) & (t < t_max)
        best.t[nearer] = t[nearer]
        best.handle[nearer] = handle
        best.normal[nearer] = normal[nearer] @ rotation.T
        best.local[nearer] = o[nearer] + t[nearer, None] * d[nearer]
        best.triangle[nearer] = triangle[nearer]
    return best


def intersect(shape, o, d, t_min=0.0):
    """Entry t (inf if none), local outward normals and triangles of rays in the local frame."""
    with np.errstate(all="ignore"):
        none = np.full(len(d), -1)
        match shape:
            case shapes.Plane():
                t = np.where(-o[:, 2] / d[:, 2] > t_min, -o[:, 2] / d[:, 2], np.inf)
                normal = np.zeros_like(d)
                normal[:, 2] = np.sign(o[:, 2])
                return t, normal, none
            case shapes.Box(half):
                return *_box(np.array(half), o, d, t_min), none
            case shapes.Sphere(radius):
                t = _quadratic(o, d, radius)
                t = np.where(t > t_min, t, np.inf)
                return t, (o + t[:, None] * d) / radius, none
            case shapes.Cylinder(radius, half):
                return *_cylinder(radius, half, o, d, t_min), none
            case shapes.Capsule(radius, half):
                return *_capsule(radius, half, o, d, t_min), none
            case shapes.HeightField():
                return _mesh(shape.mesh, o, d, t_min)
            case shapes.Mesh():
                return _mesh(shape, o, d, t_min)
    raise TypeError(shape)


def _quadratic(o, d, radius):
    a = (d * d).sum(1)
    b = (d * o).sum(1)
    c = (o * o).sum(1) - radius**2
    disc = b * b - a * c
    return np.where(disc >= 0, (-b - np.sqrt(disc)) / a, np.inf)


def _box(half, o, d, t_min):
    t = np.full(len(d), np.inf)
    normal = np.zeros_like(d)
    for axis in range(3):
        for sign in (-1.0, 1.0):
            in_front = sign * o[:, axis] > half[axis]
            s = (sign * half[axis] - o[:, axis]) / d[:, axis]
            p = o + s[:, None] * d
            others = [k for k in range(3) if k != axis]
            inside = (
                in_front & (np.abs(p[:, others]) <= half[others]).all(1) & (s > t_min) & (s < t)
            )
            t[inside] = s[inside]
            normal[inside] = 0.0
            normal[inside, axis] = sign
    return t, normal


def _cylinder(radius, half, o, d, t_min):
    side = _quadratic(o[:, :2], d[:, :2], radius)
    z = o[:, 2] + side * d[:, 2]
    side = np.where((np.abs(z) <= half) & (side > t_min), side, np.inf)
    p = o + side[:, None] * d
    normal = np.concatenate([p[:, :2] / radius, np.zeros((len(d), 1))], axis=1)
    t = side
    for sign in (-1.0, 1.0):
        s = (sign * half - o[:, 2]) / d[:, 2]
        p = o + s[:, None] * d
        on_cap = (
            (sign * o[:, 2] > half) & (np.hypot(p[:, 0], p[:, 1]) <= radius) & (s > t_min) & (s < t)
        )
        t = np.where(on_cap, s, t)
        normal[on_cap] = (0.0, 0.0, sign)
    return t, normal


def _capsule(radius, half, o, d, t_min):
    side = _quadratic(o[:, :2], d[:, :2], radius)
    z = o[:, 2] + side * d[:, 2]
    t = np.where((np.abs(z) <= half) & (side > t_min), side, np.inf)
    for sign in (-1.0, 1.0):
        center = np.array([0.0, 0.0, sign * half])
        s = _quadratic(o - center, d, radius)
        z = o[:, 2] + s * d[:, 2]
        t = np.where((sign * z >= half) & (s > t_min) & (s < t), s, t)
    p = o + t[:, None] * d
    axis = np.zeros_like(p)
    axis[:, 2] = np.clip(p[:, 2], -half, half)
    return t, (p - axis) / radius


def _mesh(mesh, o, d, t_min):
    """Moeller and Trumbore 1997, "Fast, minimum storage ray/triangle intersection"."""
    best = np.full(len(d), np.inf)
    normal = np.zeros_like(d)
    which = np.full(len(d), -1)
    vertices = mesh.vertices_m.astype(float)
    for number, (i, j, k) in enumerate(mesh.triangles):
        e1, e2 = vertices[j] - vertices[i], vertices[k] - vertices[i]
        face = np.cross(e1, e2)
        s = o - vertices[i]
        front = s @ face > 0
        p = np.cross(d, e2)
        inverse = 1.0 / (p @ e1)
        u = (p * s).sum(1) * inverse
        q = np.cross(s, e1)
        v = (d * q).sum(1) * inverse
        t = (q @ e2) * inverse
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > t_min) & (t < best)
        hit &= front | (not mesh.closed)
        best[hit] = t[hit]
        which[hit] = number
        side = np.where(front, 1.0, -1.0)[hit, None]
        normal[hit] = side * face / np.linalg.norm(face)
        if mesh.normals is not None:
            n0, n1, n2 = mesh.normals[[i, j, k]].astype(float)
            smooth = (1 - u - v)[hit, None] * n0 + u[hit, None] * n1 + v[hit, None] * n2
            normal[hit] = side * smooth / np.linalg.norm(smooth, axis=1, keepdims=True)
    return best, normal, which
