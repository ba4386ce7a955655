"""Light on surfaces against the same formulas in float64 NumPy."""

import math

import numpy as np
import pytest

from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.light import Lamp, Light, illumination
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

RAYS = RayGrid(pinhole_directions(80, 60, 55.0, 55.0, 39.5, 29.5))
EYE = np.array([0.1, -0.2, 1.6])
OUTPUTS = frozenset({"hdr", "rgb", "instance", "depth", "normal"})


def matte(color, **options):
    return Material(color=color, specular=0.0, roughness=1.0, **options)


def crowd(icosphere, light, seed=2, count=18):
    rng = np.random.default_rng(seed)
    scene = Scene(light=light)
    scene.add(shapes.Plane(), material=matte((0.3, 0.25, 0.2)))
    kinds = [shapes.Box((0.5, 0.3, 0.4)), shapes.Sphere(0.5), shapes.Cylinder(0.3, 0.6),
             shapes.Capsule(0.3, 0.5), icosphere]  # fmt: skip
    for number in range(count):
        color = tuple(rng.uniform(0.05, 0.95, 3))
        glow = tuple(rng.uniform(0.0, 0.3, 3)) if number % 5 == 0 else (0.0, 0.0, 0.0)
        scene.add(
            kinds[number % len(kinds)], rng.uniform([3.0, -4.0, 0.2], [13.0, 4.0, 3.0]),
            rng.normal(size=4), material=matte(color, emission=glow),
        )  # fmt: skip
    return scene


def rendered(scene, rotation, **options):
    view = View(
        rays=RAYS, position_m=EYE, rotation=rotation, outputs=OUTPUTS, t_max_m=80.0, **options
    )  # fmt: skip
    return trace([(scene, view)])[0]


def seen(oracle, scene, rotation):
    """Oracle's hits, ray directions in world axes, albedo and emission of the hit shapes."""
    d = RAYS.directions.reshape(-1, 3).astype(float) @ rotation.T
    hits = oracle.trace(scene, EYE, d, t_max=80.0)
    row_of = {handle: row for row, handle in enumerate(scene.handles)}
    rows = np.array([row_of.get(h, 0) for h in hits.handle])
    materials = [scene.materials[int(scene.row_integers[row, 2])] for row in rows]
    return (
        hits, d, np.array([m.color for m in materials]), np.array([m.emission for m in materials])
    )  # fmt: skip


def sun_and_sky(oracle, scene, hits, d, albedo, glow):
    """Lambert's law for the sun with its shadow, and the blend of sky and ground light."""
    colors, sun = illumination(scene.light), scene.light.sun_direction
    facing = np.maximum(hits.normal @ sun, 0.0)
    start = EYE + np.where(hits.handle > 0, hits.t, 0.0)[:, None] * d + 2e-3 * sun
    dark = oracle.trace(scene, start, np.tile(sun, (len(start), 1))).handle > 0
    up = hits.normal[:, 2:]
    ambient = 0.5 * (colors.sky + colors.ground) + 0.5 * up * (colors.sky - colors.ground)
    return albedo * (colors.sun * (facing * ~dark)[:, None] + ambient) + glow


@pytest.mark.parametrize(
    "light",
    [
        Light(sun_elevation_rad=0.7, cloudiness=0.0),
        Light(sun_elevation_rad=0.2, sun_azimuth_rad=2.5, cloudiness=0.6, turbidity=8.0),
        Light(sun_elevation_rad=-0.4),
    ],
    ids=["noon", "low sun", "night"],
)
def test_sun_shadow_and_sky(light, oracle, icosphere, camera_rotation):
    scene = crowd(icosphere, light)
    hits, d, albedo, glow = seen(oracle, scene, camera_rotation)
    wanted = sun_and_sky(oracle, scene, hits, d, albedo, glow)
    image = rendered(scene, camera_rotation)
    same = (image["instance"].reshape(-1) == hits.handle) & (hits.handle > 0)
    assert 0.5 < same.mean() < 0.95
    error = np.abs(image["hdr"].reshape(-1, 3) - wanted)[same].max(axis=1)
    # Rays at the border of a shadow may fall to either side.
    assert (error < 2e-4 * (1.0 + wanted.max())).mean() > 0.99


def test_fog_follows_beers_law(icosphere, camera_rotation):
    clear = Light(sun_elevation_rad=0.6)
    foggy = Light(sun_elevation_rad=0.6, fog_visibility_m=60.0)
    near, far = (rendered(crowd(icosphere, light), camera_rotation) for light in (clear, foggy))
    hit = near["instance"] > 0
    away = near["depth"] * np.linalg.norm(RAYS.directions, axis=-1)
    keep = np.exp(-3.912 / 60.0 * away)[..., None]
    veil = illumination(foggy).horizon
    wanted = veil + keep * (near["hdr"] - veil)
    np.testing.assert_allclose(far["hdr"][hit], wanted[hit], atol=2e-4)


def test_lamps_light_by_the_inverse_square(camera_rotation):
    lamp = Lamp(position_m=(4.0, 0.5, 3.0), color=(8.0, 6.0, 4.0), range_m=12.0)
    spot = Lamp(position_m=(6.0, -1.0, 2.5), color=(5.0, 5.0, 5.0), cone_rad=0.6, range_m=20.0)
    albedo = np.array([0.5, 0.4, 0.3])
    unlit = Scene(light=Light(sun_elevation_rad=-0.6))
    unlit.add(shapes.Plane(), material=matte(tuple(albedo)))
    lit = Scene(light=Light(sun_elevation_rad=-0.6, lamps=(lamp, spot)))
    lit.add(shapes.Plane(), material=matte(tuple(albedo)))
    dark, image = rendered(unlit, camera_rotation), rendered(lit, camera_rotation)
    hit = image["instance"] > 0
    points = EYE + image["depth"][hit][:, None] * (RAYS.directions[hit] @ camera_rotation.T)
    gained = np.zeros_like(points)
    for one in (lamp, spot):
        to_lamp = np.array(one.position_m) - points
        square = (to_lamp**2).sum(axis=1)
        ray = to_lamp / np.sqrt(square)[:, None]
        share = np.ones(len(points))
        if one.cone_rad < math.pi:
            edge = math.cos(one.cone_rad)
            share = np.clip((ray[:, 2] - edge) / (1.0 - edge), 0.0, 1.0) ** 2
        fade = np.clip(1.0 - square / one.range_m**2, 0.0, None) ** 2
        gained += (share * fade * ray[:, 2] / square)[:, None] * albedo * np.array(one.color)
    assert gained.max() > 0.3
    np.testing.assert_allclose(image["hdr"][hit] - dark["hdr"][hit], gained, atol=2e-4)


def test_smooth_surfaces_mirror_the_sky(camera_rotation):
    """A mirror-like floor shows the sky at its mirror angle, by Fresnel's share."""
    light = Light(sun_elevation_rad=0.9, sun_azimuth_rad=math.pi, cloudiness=0.0)
    scene = Scene(light=light)
    scene.add(
        shapes.Plane(), material=Material(color=(0.0, 0.0, 0.0), specular=1.0, roughness=0.0)
    )  # fmt: skip
    image = rendered(scene, camera_rotation)
    # Rows of the picture at equal angles below and above the horizon (29.5): floor and sky.
    for below in (4, 10, 20):
        floor = image["hdr"][29 + below + 1, 20]
        sky = image["hdr"][29 - below, 20]
        np.testing.assert_allclose(floor, sky, rtol=0.06)


def test_the_srgb_picture_is_exposed_and_monotonous(icosphere, camera_rotation):
    image = rendered(crowd(icosphere, Light()), camera_rotation)
    level, byte = image["hdr"][..., 1].reshape(-1), image["rgb"][..., 1].reshape(-1)
    order = np.argsort(level)
    assert (np.diff(byte[order].astype(int)) >= 0).all()
    assert 60 < image["rgb"].mean() < 200


@pytest.mark.parametrize("pattern", ["asphalt", "brick", "facade", "grass", "wood", "paving"])
def test_patterns_fade_to_their_mean_in_the_distance(pattern, camera_rotation):
    """Neighbouring far pixels hardly differ: nothing glitters."""
    scene = Scene(light=Light(cloudiness=1.0))
    wall = shapes.Box((0.1, 400.0, 400.0))
    material = Material(color=(0.4, 0.4, 0.4), pattern=pattern, specular=0.0)
    scene.add(wall, (400.0, 0.0, 380.0), material=material)
    far = rendered(scene, camera_rotation, t_min_m=0.1)
    view = View(
        rays=RAYS, position_m=EYE, rotation=camera_rotation, outputs=OUTPUTS, t_max_m=1000.0
    )  # fmt: skip
    far = trace([(scene, view)])[0]["hdr"][:25, :, 1]
    spread = far.std() / far.mean()
    assert spread < 0.12
