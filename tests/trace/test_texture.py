"""Pictures on surfaces: mip-maps, orientation, and that far ones show their mean."""

import itertools

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.texture import Texture, TexturePool, linear_from_srgb, mip_levels
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View


def noise(height, width, seed=1):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return Texture(pixels.astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (64, 16), (1, 8), (8, 1), (1, 1)])
def test_mip_levels_keep_the_mean(size):
    image = linear_from_srgb(noise(*size).pixels)
    levels = mip_levels(image)
    assert levels[-1].shape[:2] == (1, 1)
    for level in levels:
        np.testing.assert_allclose(level.mean(axis=(0, 1)), image.mean(axis=(0, 1)), rtol=1e-5)


def test_the_pool_lays_levels_end_to_end():
    pool = TexturePool()
    first, second = noise(8, 4), noise(4, 4, seed=2)
    row = pool.add(first)
    other = pool.add(second)
    assert pool.add(first) == row
    assert other != row
    begin, width, height, levels = pool.meta[other]
    assert (width, height, levels) == (4, 4, 3)
    texels = pool.texels[begin : begin + 16].reshape(4, 4, -1)
    np.testing.assert_array_equal(texels[..., :3], linear_from_srgb(second.pixels))


def test_srgb_follows_its_standard():
    gray = linear_from_srgb(np.array([[[0, 10, 255]]], np.uint8))[0, 0]
    np.testing.assert_allclose(gray, [0.0, 10 / 255 / 12.92, 1.0], rtol=1e-6)
    # A mid-grey byte of 188 is half of the light.
    assert linear_from_srgb(np.array([[[188]]], np.uint8))[0, 0, 0] == pytest.approx(
        0.503, abs=2e-3
    )


def test_bad_textures_are_told():
    with pytest.raises(ConfigError, match="uint8"):
        Texture(np.zeros((4, 4, 3), np.float32))
    with pytest.raises(ConfigError, match="8192"):
        Texture(np.zeros((1, 9000, 3), np.uint8))


def board(texture, distance, half, rays, rotation, uv=None):
    """Albedo that a camera sees on a textured square that faces it: hdr over a white one's."""
    corners = np.array([[0, half, -half], [0, -half, -half], [0, -half, half], [0, half, half]])
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) if uv is None else uv
    mesh = shapes.Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), uv)
    images = []
    for used in (texture, None):
        scene = Scene(light=Light(cloudiness=1.0))
        material = Material(color=(1, 1, 1), specular=0.0, roughness=1.0, texture=used)
        scene.add(mesh, (distance, 0.0, 0.0), material=material)
        view = View(
            rays=rays, position_m=np.zeros(3), rotation=rotation,
            outputs=frozenset({"hdr", "hit"}), t_max_m=5000.0,
        )  # fmt: skip
        images.append(trace([(scene, view)])[0])
    hit = images[1]["hit"]
    assert hit.any()
    return images[0]["hdr"] / np.where(hit[..., None], images[1]["hdr"], 1.0), hit


def test_texels_are_where_the_picture_has_them(camera_rotation):
    """One texel for each pixel: the picture comes back as it is, upright and not mirrored."""
    texture = noise(32, 32)
    rays = RayGrid(pinhole_directions(32, 32, 32.0, 32.0, 15.5, 15.5))
    share, hit = board(texture, 1.0, 0.5, rays, camera_rotation)
    assert hit.all()
    np.testing.assert_allclose(share, linear_from_srgb(texture.pixels), atol=2e-3)


def test_far_pictures_show_their_mean(camera_rotation):
    pixels = np.kron(np.indices((32, 32)).sum(axis=0) % 2, np.ones((2, 2)))
    texture = Texture(np.repeat((255 * pixels)[..., None], 3, axis=2).astype(np.uint8))
    rays = RayGrid(pinhole_directions(33, 33, 20.0, 20.0, 16.0, 16.0))
    share, hit = board(texture, 40.0, 5.0, rays, camera_rotation)
    assert 9 <= hit.sum() < 60
    np.testing.assert_allclose(share[hit], 0.5, atol=0.02)


def test_nothing_glitters_between(camera_rotation):
    """A fine chessboard through all distances: pixels lie nearer to grey as it goes away."""
    pixels = np.indices((64, 64)).sum(axis=0) % 2
    texture = Texture(np.repeat((255 * pixels)[..., None], 3, axis=2).astype(np.uint8))
    rays = RayGrid(pinhole_directions(64, 64, 60.0, 60.0, 31.3, 31.7))
    contrast = []
    for distance in (0.3, 1.5, 3.0, 6.0):
        share, hit = board(texture, distance, 0.5, rays, camera_rotation)
        assert share[hit].mean() == pytest.approx(0.5, abs=0.05)
        contrast.append(float(share[hit].std()))
    # Bilinear reading makes waves of the squares, whose deviation is a third of theirs.
    assert contrast[0] > 0.15
    assert contrast[3] < 0.05
    assert all(later < earlier for earlier, later in itertools.pairwise(contrast))
