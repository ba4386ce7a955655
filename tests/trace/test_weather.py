"""Rain, snow and fog: drops as many as the rate says, and one weather for all sensors."""

import math

import numpy as np
import pytest

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors import beam_weather
from fleetloop.envs.sensors.base import Surroundings
from fleetloop.envs.stage import Stage
from fleetloop.envs.trace import precipitation, shapes
from fleetloop.envs.trace.light import Light, extinction_1_m, light_arrays
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

RAYS = RayGrid(pinhole_directions(240, 120, 200.0, 200.0, 119.5, 59.5))


def rendered(light, rotation, wall_m=30.0, seed=1, **options):
    scene = Scene(light=light)
    dark = Material(color=(0.02, 0.02, 0.02), specular=0.0)
    scene.add(shapes.Box((0.1, 90.0, 90.0)), (wall_m + 0.1, 0.0, 0.0), material=dark)
    view = View(
        rays=RAYS, position_m=np.zeros(3), rotation=rotation, outputs=frozenset({"hdr", "depth"}),
        seed=seed, **options,
    )  # fmt: skip
    return trace([(scene, view)])[0]


@pytest.mark.parametrize(
    "weather", [{"rain_mm_h": 5.0}, {"rain_mm_h": 40.0}, {"snowfall_mm_h": 2.0}], ids=str
)
def test_drops_cover_what_their_number_says(weather, camera_rotation):
    """Mean cover = number x depth of air x width x length of a streak, less the fading ends."""
    light = Light(cloudiness=1.0, sun_elevation_rad=0.8, **weather)
    (drops,) = precipitation.falling(light, 1)
    depth = sum(precipitation._DEPTHS_M)
    expected = drops.per_m3 * depth * drops.width_m * drops.length_m * drops.opacity
    assert 0.001 < expected < 0.3
    frames = [rendered(light, camera_rotation, seed=seed)["hdr"] for seed in range(6)]
    # Without drops but with the same dimming: most pixels of most frames.
    calm = np.quantile(frames, 0.02, axis=(0, 1, 2))
    numbers = light_arrays(light, np.zeros((1, 3)), camera_rotation[None]).numbers
    drop = 0.75 * numbers[3:6] + 0.6 * numbers[12:15]
    cover = np.mean([(frame - calm) / (drop - calm) for frame in frames])
    assert 0.6 * expected < cover < 1.1 * expected


def test_drops_follow_the_seed_and_hide_behind_nothing(camera_rotation):
    wet = Light(rain_mm_h=20.0)
    one, again, other = (rendered(wet, camera_rotation, seed=s)["hdr"] for s in (1, 1, 2))
    assert one.tobytes() == again.tobytes()
    assert (one != other).any(axis=-1).mean() > 0.01
    # A wall before the nearest drops: nothing but the dimming of half a metre.
    near = [rendered(wet, camera_rotation, wall_m=0.5, seed=s)["hdr"] for s in (1, 2)]
    np.testing.assert_array_equal(*near)


def test_labels_do_not_see_drops(camera_rotation):
    dry, wet = Light(), Light(rain_mm_h=50.0, snowfall_mm_h=5.0)
    np.testing.assert_array_equal(
        rendered(dry, camera_rotation)["depth"], rendered(wet, camera_rotation)["depth"]
    )


@pytest.mark.parametrize(("fog_m", "rain"), [(math.inf, 0.0), (80.0, 0.0), (500.0, 25.0)])
def test_cameras_and_lidars_lose_the_same_light(fog_m, rain):
    air = Surroundings(fog_visibility_m=fog_m, rain_mm_h=rain)
    assert beam_weather.extinction_1_m(air) == extinction_1_m(fog_m, rain)
    light = Light(fog_visibility_m=fog_m, rain_mm_h=rain)
    numbers = light_arrays(light, np.zeros((1, 3)), np.eye(3)[None]).numbers
    assert numbers[15] == pytest.approx(extinction_1_m(fog_m, rain), rel=1e-6)


def test_a_stage_has_one_weather():
    stage = Stage(TickRate(240))
    assert stage.surroundings.rain_mm_h == 0.0
    stage.scene.light = Light(rain_mm_h=7.0, fog_visibility_m=300.0)
    assert stage.surroundings.rain_mm_h == 7.0
    assert stage.surroundings.fog_visibility_m == 300.0
    stage.surroundings = Surroundings(temperature_c=-3.0)
    assert stage.surroundings.temperature_c == -3.0
    assert stage.surroundings.rain_mm_h == 7.0
    with pytest.raises(ConfigError, match=r"scene\.light"):
        stage.surroundings = Surroundings(rain_mm_h=2.0)
    stage.clear()
    assert stage.surroundings == Surroundings()
    stage.close()


def test_wet_ground_is_darker_and_mirrors_more(camera_rotation):
    def floor(light):
        scene = Scene(light=light)
        scene.add(shapes.Plane(), (0.0, 0.0, -1.4), material=Material(color=(0.1, 0.1, 0.1)))
        view = View(
            rays=RAYS, position_m=np.zeros(3), rotation=camera_rotation, t_max_m=200.0,
            outputs=frozenset({"hdr"}),
        )  # fmt: skip
        return trace([(scene, view)])[0]["hdr"][..., 1]

    dry, wet = floor(Light(cloudiness=1.0)), floor(Light(cloudiness=1.0, wetness=1.0))
    # Far away, where Fresnel's term rises, it is brighter.
    assert wet[64:68].mean() > 2.0 * dry[64:68].mean()
    below = RayGrid(pinhole_directions(16, 16, 20.0, 20.0, 7.5, 7.5))
    down = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    level = {}
    for wetness in (0.0, 1.0):
        scene = Scene(light=Light(cloudiness=1.0, wetness=wetness))
        scene.add(shapes.Plane(), (0.0, 0.0, -1.4), material=Material(color=(0.3, 0.3, 0.3)))
        view = View(
            rays=below, position_m=np.zeros(3), rotation=down, outputs=frozenset({"hdr"})
        )  # fmt: skip
        level[wetness] = trace([(scene, view)])[0]["hdr"].mean()
    assert level[1.0] < 0.75 * level[0.0]


def test_snow_whitens_what_faces_up(camera_rotation):
    bare, white = (rendered_floor(Light(snow=s), camera_rotation) for s in (0.0, 1.0))
    assert white > 4.0 * bare


def rendered_floor(light, rotation):
    scene = Scene(light=light)
    scene.add(shapes.Plane(), (0.0, 0.0, -1.4), material=Material(color=(0.1, 0.1, 0.1)))
    view = View(
        rays=RAYS, position_m=np.zeros(3), rotation=rotation, outputs=frozenset({"hdr"})
    )  # fmt: skip
    return float(trace([(scene, view)])[0]["hdr"][100:].mean())
