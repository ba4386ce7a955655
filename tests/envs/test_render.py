"""Pictures for people: where the following camera stands, and what it looks through."""

from __future__ import annotations

from fleetloop.core.frames import Pose
from fleetloop.envs.render import FollowCamera, render_following
from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene

CAMERA = {"width_px": 32, "height_px": 24, "elevation_m": 0.0, "look_ahead_m": 0.0}


def middle(scene, **changes):
    picture = render_following(scene, Pose.of(0, 0, 1), FollowCamera(**(CAMERA | changes)))
    return picture[12, 16].astype(int)


def test_it_stands_where_it_is_told_and_looks_through_what_is_too_near():
    scene = Scene()
    scene.add(shapes.Sphere(0.5), (0, 0, 1), material=Material(color=(0.9, 0.02, 0.02)))
    red, green, _ = middle(scene, distance_m=4.0)
    assert red > 3 * green
    # A wall behind the robot hides it from behind, not from in front nor from the side.
    scene.add(shapes.Box((0.1, 3, 3)), (-2, 0, 1), material=Material(color=(0.02, 0.9, 0.02)))
    red, green, _ = middle(scene, distance_m=4.0)
    assert green > 3 * red
    for clear in (
        {"distance_m": 4.0, "clear_m": 3.0},
        {"distance_m": -4.0},
        {"distance_m": 0.0, "aside_m": 4.0},
    ):
        red, green, _ = middle(scene, **clear)
        assert red > 3 * green, clear
