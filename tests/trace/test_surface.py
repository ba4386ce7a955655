"""What the surface outputs say about hit points, shape by shape, against the oracle."""

import numpy as np
import pytest

from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

RAYS = RayGrid(pinhole_directions(48, 40, 40.0, 40.0, 23.5, 19.5))
OUTPUTS = frozenset({"instance", "normal", "uv", "position", "velocity", "incidence", "material"})


def with_uv(mesh):
    normals = mesh.vertices_m / np.linalg.norm(mesh.vertices_m, axis=1, keepdims=True)
    uv = np.stack([mesh.vertices_m[:, 0] * 2.0 + 0.3, mesh.vertices_m[:, 2]], axis=1)
    return shapes.Mesh(mesh.vertices_m, mesh.triangles, uv, normals)


def shape_named(name, icosphere):
    heights = np.random.default_rng(1).uniform(0.0, 0.4, (9, 11))
    return {
        "plane": shapes.Plane(),
        "box": shapes.Box((0.9, 0.6, 0.7)),
        "sphere": shapes.Sphere(0.9),
        "cylinder": shapes.Cylinder(0.6, 0.8),
        "capsule": shapes.Capsule(0.5, 0.6),
        "mesh": icosphere,
        "smooth mesh": with_uv(icosphere),
        "height field": shapes.HeightField(heights, (0.3, 0.35)),
    }[name]


def expected_uv(name, shape, hits):
    """The conventions of `surface.py`, in float64."""
    p = hits.local
    if name in ("plane", "mesh", "height field"):
        return p[:, :2]
    if name == "smooth mesh":
        # The uv are a linear function of the place, so interpolation keeps them so.
        return np.stack([p[:, 0] * 2.0 + 0.3, p[:, 2]], axis=1)
    if name == "box":
        gap = np.abs(p) - np.array(shape.half_extents_m)
        axis = gap.argmax(axis=1)
        u = np.where(axis == 0, p[:, 1], p[:, 0])
        return np.stack([u, np.where(axis == 2, p[:, 1], p[:, 2])], axis=1)
    around = np.arctan2(p[:, 1], p[:, 0]) * shape.radius_m
    across = np.hypot(p[:, 0], p[:, 1])
    if name == "sphere":
        return np.stack([around, np.arctan2(p[:, 2], across) * shape.radius_m], axis=1)
    uv = np.stack([around, p[:, 2]], axis=1)
    if name == "cylinder":
        cap = np.abs(p[:, 2]) - shape.half_length_m > across - shape.radius_m
        uv[cap] = p[cap, :2]
    return uv


NAMES = ["plane", "box", "sphere", "cylinder", "capsule", "mesh", "smooth mesh", "height field"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("turn", [0, 1])
def test_surface_of_every_shape(name, turn, oracle, icosphere, camera_rotation):
    rng = np.random.default_rng(10 + turn)
    shape = shape_named(name, icosphere)
    scene = Scene()
    linear, angular = rng.normal(size=3), rng.normal(size=3)
    quaternion = rng.normal(size=4) if turn else (0.1, 0.2, 0.05, 0.97)
    place = np.array([3.0, 0.2, -0.1])
    scene.add(
        shape, place, quaternion, velocity_m_s=linear, angular_velocity_rad_s=angular,
        instance_id=77,
    )  # fmt: skip
    eye = np.array([0.1, 0.05, 0.3])
    view = View(
        rays=RAYS, position_m=eye, rotation=camera_rotation, outputs=OUTPUTS, t_max_m=60.0
    )  # fmt: skip
    image = trace([(scene, view)])[0]
    d = RAYS.directions.reshape(-1, 3).astype(float) @ camera_rotation.T
    hits = oracle.trace(scene, eye, d, t_max=60.0)
    got = image["instance"].reshape(-1) == 77
    assert (got == (hits.handle > 0)).mean() > 0.995
    both = got & (hits.handle > 0)
    assert both.sum() > 200
    point = np.where(both, hits.t, 0.0)[:, None] * d
    wanted = {
        "normal": hits.normal,
        "position": point,
        "velocity": linear + np.cross(angular, eye + point - place),
        "incidence": np.abs((d * hits.normal).sum(1)) / np.linalg.norm(d, axis=1),
        "uv": expected_uv(name, shape, hits),
    }
    for output, value in wanted.items():
        error = np.abs(image[output].reshape(value.shape) - value)[both]
        # Places where two faces meet may count to either.
        assert np.quantile(error, 0.99) < 3e-3, output


def test_height_field_equals_its_heights(camera_rotation):
    """Straight down on a grid of heights: at the corners of the cells, depth is the height."""
    heights = np.random.default_rng(3).uniform(0.0, 0.5, (7, 9)).astype(np.float32)
    field = shapes.HeightField(heights, (0.5, 0.25))
    scene = Scene()
    scene.add(field)
    down = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])
    x = (np.arange(9) - 4.0) * 0.5
    y = (np.arange(7) - 3.0) * 0.25
    grid_x, grid_y = np.meshgrid(x * 0.999, y * 0.999)
    # Rays from far above through the corners, a hair inside of the field.
    high = 100.0
    target = np.stack([grid_x, -grid_y, np.full_like(grid_x, high)], axis=-1)
    drop = high - heights
    rays = RayGrid(target * (drop / high)[..., None] / drop[..., None])
    view = View(
        rays=rays, position_m=np.array([0.0, 0.0, high]), rotation=down,
        outputs=frozenset({"depth"}), t_max_m=200.0,
    )  # fmt: skip
    depth = trace([(scene, view)])[0]["depth"]
    # They are 2 mm inside of the corners, on slopes of up to 2.
    assert np.abs(high - depth - heights).max() < 1e-2


def test_scene_changes_show(camera_rotation):
    """Added, moved, classed and removed shapes; ids that move rows stay with their shapes."""
    scene = Scene()
    handles = [scene.add(shapes.Sphere(0.3), (4.0, y, 0.0), semantic=9) for y in (1.0, 0.0, -1.0)]
    view = View(
        rays=RAYS, position_m=np.zeros(3), rotation=camera_rotation,
        outputs=frozenset({"instance", "semantic"}),
    )  # fmt: skip

    def ids():
        image = trace([(scene, view)])[0]
        return set(np.unique(image["instance"])) - {0}, set(np.unique(image["semantic"])) - {0}

    assert ids() == (set(handles), {9})
    scene.remove(handles[0])
    assert ids()[0] == set(handles[1:])
    scene.set_poses([handles[2]], [(-4.0, 0.0, 0.0)], [(0, 0, 0, 1)])
    assert ids()[0] == {handles[1]}
    scene.set_semantic(handles[1], 30)
    assert ids()[1] == {30}
    extra = scene.add(shapes.Box((0.3, 0.3, 0.3)), (4.0, 1.0, 0.0), instance_id=500)
    assert ids()[0] == {handles[1], 500}
    scene.remove(extra)
    scene.remove(handles[1])
    assert ids()[0] == set()
    assert len(scene) == 1
