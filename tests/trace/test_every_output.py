"""An audit: every output that a view can ask for is held against plain NumPy, none is forgotten."""

from __future__ import annotations

import types

import numpy as np
import pytest

from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.light import Light, illumination
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tone import exposure_for
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import OUTPUTS, View

WIDTH, HEIGHT, FOCAL = 72, 56, 50.0
CX, CY = (WIDTH - 1) / 2.0, (HEIGHT - 1) / 2.0
EYE, OLD_EYE = np.array([0.1, -0.2, 1.6]), np.array([-0.05, -0.14, 1.58])
T_MAX_M = 60.0


@pytest.fixture(scope="module")
def case(oracle, icosphere, camera_rotation):
    """A scene of every shape that has taken a step, its images, and what the oracle meets."""
    rng = np.random.default_rng(8)
    scene = Scene(light=Light(sun_elevation_rad=0.8, cloudiness=0.3))
    matte = {"specular": 0.0, "roughness": 1.0}
    scene.add(shapes.Plane(), material=Material(color=(0.3, 0.25, 0.2), **matte), semantic=1)
    heights = rng.uniform(0.0, 0.5, (6, 7))
    kinds = [shapes.Box((0.5, 0.3, 0.4)), shapes.Sphere(0.5), shapes.Cylinder(0.3, 0.6),
             shapes.Capsule(0.3, 0.5), icosphere,
             shapes.HeightField(heights, (0.3, 0.3))]  # fmt: skip
    for number in range(18):
        color = tuple(rng.uniform(0.05, 0.95, 3))
        scene.add(
            kinds[number % 6], rng.uniform([3.0, -3.0, 0.2], [12.0, 3.0, 3.0]), rng.normal(size=4),
            material=Material(color=color, **matte), semantic=2 + number, instance_id=100 + number,
            velocity_m_s=rng.normal(size=3), angular_velocity_rad_s=rng.normal(size=3),
        )  # fmt: skip
    before = scene.poses()
    moved = before.position_m + rng.normal(0.0, 0.06, before.position_m.shape)
    scene.set_poses(scene.handles[1:], moved[1:], before.quaternion[1:])
    rays = RayGrid(pinhole_directions(WIDTH, HEIGHT, FOCAL, FOCAL, CX, CY))
    view = View(
        rays=rays, position_m=EYE, rotation=camera_rotation, outputs=frozenset(OUTPUTS),
        t_max_m=T_MAX_M, previous_position_m=OLD_EYE, previous_rotation=camera_rotation,
        previous_poses=before,
    )  # fmt: skip
    d = rays.directions.reshape(-1, 3).astype(float) @ camera_rotation.T
    hits = oracle.trace(scene, EYE, d, t_max=T_MAX_M)
    row_of = {handle: row for row, handle in enumerate(scene.handles)}
    image = trace([(scene, view)])[0]
    made = types.SimpleNamespace(
        scene=scene, image=image, before=before, d=d, hits=hits, met=hits.handle > 0,
        row=np.array([row_of.get(handle, -1) for handle in hits.handle]), oracle=oracle,
        rotation=camera_rotation,
    )  # fmt: skip
    made.same = (image["instance"].ravel() == instance(made)) & made.met
    assert made.same.mean() > 0.6
    return made


def of_rows(case, column):
    """A number of the rows, 0 where nothing was met."""
    return np.where(case.met, np.asarray(column)[case.row], 0)


def instance(case):
    return of_rows(case, case.scene.row_integers[:, 3])


def semantic(case):
    return of_rows(case, case.scene.row_integers[:, 4])


def material(case):
    return of_rows(case, case.scene.row_integers[:, 2])


def depth(case):
    return np.where(case.met, case.hits.t, T_MAX_M)  # directions have z = 1


def ranges(case):
    return np.where(case.met, case.hits.t * np.linalg.norm(case.d, axis=1), T_MAX_M)


def position(case):
    return np.where(case.met, case.hits.t, 0.0)[:, None] * case.d


def velocity(case):
    place, _, linear, angular = case.scene.motion
    arm = EYE + position(case) - place[case.row]
    return linear[case.row] + np.cross(angular[case.row], arm)


def incidence(case):
    return np.abs((case.d * case.hits.normal).sum(1)) / np.linalg.norm(case.d, axis=1)


def uv(case):
    """Metres along the surface, by the conventions that `surface` tells."""
    found = case.hits.local[:, :2].copy()
    for handle in case.scene.handles:
        shape, mine = case.scene.shape(handle), case.hits.handle == handle
        p = case.hits.local[mine]
        across = np.hypot(p[:, 0], p[:, 1])
        if isinstance(shape, shapes.Box):
            axis = (np.abs(p) - np.array(shape.half_extents_m)).argmax(axis=1)
            found[mine, 0] = np.where(axis == 0, p[:, 1], p[:, 0])
            found[mine, 1] = np.where(axis == 2, p[:, 1], p[:, 2])
        elif isinstance(shape, (shapes.Sphere, shapes.Cylinder, shapes.Capsule)):
            radius = shape.radius_m
            around = np.arctan2(p[:, 1], p[:, 0]) * radius
            upward = p[:, 2]
            if isinstance(shape, shapes.Sphere):
                upward = np.arctan2(p[:, 2], across) * radius
            if isinstance(shape, shapes.Cylinder):
                cap = np.abs(p[:, 2]) - shape.half_length_m > across - radius
                around = np.where(cap, p[:, 0], around)
                upward = np.where(cap, p[:, 1], upward)
            found[mine] = np.stack([around, upward], axis=1)
    return found


def radiance(case):
    """Lambert's law for the sun with its shadow, and the blend of light from sky and ground."""
    light = illumination(case.scene.light)
    sun = case.scene.light.sun_direction
    facing = np.maximum(case.hits.normal @ sun, 0.0)
    start = EYE + position(case) + 2e-3 * sun
    dark = case.oracle.trace(case.scene, start, np.tile(sun, (len(start), 1))).handle > 0
    middle, swing = 0.5 * (light.sky + light.ground), 0.5 * (light.sky - light.ground)
    lit = light.sun * (facing * ~dark)[:, None] + middle + case.hits.normal[:, 2:] * swing
    color = np.array([case.scene.materials[int(row)].color for row in material(case)])
    return color * lit


def srgb(case):
    """Exposure, the filmic curve and sRGB's transfer function, over the radiance that was given."""
    light = case.scene.light
    gain = exposure_for(illumination(light), np.sin(light.sun_elevation_rad))
    x = gain * case.image["hdr"].reshape(-1, 3).astype(float)
    x = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0)
    return 255.0 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def carried(case, hits, d, eye, poses):
    """World places of the oracle's hits after their shapes have gone to other poses."""
    world = eye + np.where(hits.handle > 0, np.minimum(hits.t, 1e9), 1e9)[:, None] * d
    for k, handle in enumerate(poses.handles):
        mine = hits.handle == handle
        turn = case.oracle.rotation_matrix(poses.quaternion[k])
        world[mine] = hits.local[mine] @ turn.T + poses.position_m[k]
    return world


def flow(case, world, eye):
    """From each pixel to where a place of the world is seen from an eye."""
    p = (world - eye) @ case.rotation
    row, column = np.mgrid[:HEIGHT, :WIDTH].reshape(2, -1)
    x = FOCAL * p[:, 0] / p[:, 2] + CX - column
    return np.stack([x, FOCAL * p[:, 1] / p[:, 2] + CY - row], axis=1)


def flow_backward(case):
    return flow(case, carried(case, case.hits, case.d, EYE, case.before), OLD_EYE)


def flow_forward(case):
    """On the grid of the frame before: what was seen there, carried on to now."""
    hits = at_poses(case, case.before, OLD_EYE, case.d)
    return flow(case, carried(case, hits, case.d, OLD_EYE, case.scene.poses()), EYE)


def flow_occluded(case):
    world = carried(case, case.hits, case.d, EYE, case.before)
    column, row = (flow(case, world, OLD_EYE) + np.mgrid[:HEIGHT, :WIDTH].reshape(2, -1)[::-1].T).T
    inside = (np.abs(column - CX) <= WIDTH / 2) & (np.abs(row - CY) <= HEIGHT / 2)
    first = at_poses(case, case.before, OLD_EYE, world - OLD_EYE)
    return (first.t < 1.0 - 1e-3) | ~inside


def at_poses(case, poses, eye, d):
    now = case.scene.poses()
    case.scene.set_poses(poses.handles, poses.position_m, poses.quaternion)
    hits = case.oracle.trace(case.scene, eye, d, t_max=T_MAX_M)
    case.scene.set_poses(now.handles, now.position_m, now.quaternion)
    return hits


ORACLES = {
    "depth": (depth, 1e-3),
    "range": (ranges, 1e-3),
    "hit": (lambda case: case.met, 0),
    "instance": (instance, 0),
    "semantic": (semantic, 0),
    "material": (material, 0),
    "normal": (lambda case: case.hits.normal, 2e-3),
    "uv": (uv, 2e-3),
    "position": (position, 1e-3),
    "velocity": (velocity, 1e-3),
    "incidence": (incidence, 1e-3),
    "flow_forward": (flow_forward, 5e-3),
    "flow_backward": (flow_backward, 5e-3),
    "flow_occluded": (flow_occluded, 0),
    "hdr": (radiance, 1e-3),
    "rgb": (srgb, 1.5),  # levels: half of one, and the steps of the table
}
"""What each output must be, and within how much."""


def test_no_output_is_without_an_oracle():
    assert set(ORACLES) == set(OUTPUTS)


@pytest.mark.parametrize("name", ORACLES)
def test_output_equals_its_oracle(name, case):
    oracle, tolerance = ORACLES[name]
    wanted = np.asarray(oracle(case), float)
    got = case.image[name].reshape(wanted.shape).astype(float)
    assert got.std() > 0.0
    error = np.abs(got - wanted)[case.same]
    # The rest are rays along an edge, of a shape or of a shadow.
    assert (error <= tolerance).mean() > 0.985, np.quantile(error, 0.985)
