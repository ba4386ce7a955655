"""Small files of every format, written here and read back: geometry, colours, uv, pictures."""

import numpy as np
import pytest
import trimesh
from PIL import Image

from fleetloop.core.errors import StorageError
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.mesh_files import read_mesh_file
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

# A square board in the plane y = 0, in x and z; u to the right, v upwards.
CORNERS = np.array([[-1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])
UV = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def picture():
    """Red, green / blue, white: quarters of 16 x 16."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16, :16, 0] = 255
    pixels[:16, 16:, 1] = 255
    pixels[16:, :16, 2] = 255
    pixels[16:, 16:] = 255
    return pixels


def write_obj(folder):
    Image.fromarray(picture()).save(folder / "quarters.png")
    (folder / "board.mtl").write_text("newmtl paint\nKd 1 1 1\nmap_Kd quarters.png\n")
    lines = ["mtllib board.mtl"]
    lines += ["v {} {} {}".format(*corner) for corner in CORNERS]
    lines += ["vt {} {}".format(*uv) for uv in UV]
    lines += ["usemtl paint", "f 1/1 2/2 3/3", "f 1/1 3/3 4/4"]
    (folder / "board.obj").write_text("\n".join(lines) + "\n")
    return folder / "board.obj"


def write_by_trimesh(folder, suffix):
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(picture()))
    if suffix == ".dae":
        material = trimesh.visual.material.SimpleMaterial(image=Image.fromarray(picture()))
    visual = trimesh.visual.TextureVisuals(uv=UV, material=material)
    mesh = trimesh.Trimesh(CORNERS, FACES, visual=visual, process=False)
    if suffix == ".gltf":
        for name, data in trimesh.exchange.gltf.export_gltf(trimesh.Scene(mesh)).items():
            (folder / name).write_bytes(data)
        return folder / "model.gltf"
    path = folder / f"board{suffix}"
    mesh.export(path)
    return path


def quarters(parts):
    """Colours that a camera sees in the four quarters of the board, as albedo."""
    scene = Scene(light=Light(cloudiness=1.0, sun_elevation_rad=1.2))
    for part in parts:
        material = Material(color=(1, 1, 1), specular=0.0, roughness=1.0, texture=part.texture)
        scene.add(part.mesh, material=material)
    # From -y, looking along +y: x to the right, z up.
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    view = View(
        rays=RayGrid(pinhole_directions(64, 64, 60.0, 60.0, 31.5, 31.5)),
        position_m=np.array([0.0, -2.5, 0.0]), rotation=rotation, outputs=frozenset({"hdr"}),
    )  # fmt: skip
    hdr = trace([(scene, view)])[0]["hdr"]
    spots = np.array([hdr[20, 20], hdr[20, 44], hdr[44, 20], hdr[44, 44]])
    return spots / spots[3].max()


@pytest.mark.parametrize("suffix", [".obj", ".glb", ".gltf"])
def test_pictures_come_upright(suffix, tmp_path):
    path = write_obj(tmp_path) if suffix == ".obj" else write_by_trimesh(tmp_path, suffix)
    parts = read_mesh_file(str(path))
    assert len(parts) == 1
    assert parts[0].texture is not None
    np.testing.assert_array_equal(parts[0].texture.pixels, picture())
    seen = quarters(parts) > 0.5
    np.testing.assert_array_equal(seen, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])


@pytest.mark.parametrize("suffix", [".stl", ".dae", ".ply", ".off", ".obj", ".glb"])
def test_geometry_of_every_format(suffix, tmp_path):
    box = trimesh.creation.box(extents=(1.0, 2.0, 3.0))
    path = tmp_path / f"box{suffix}"
    box.export(path)
    (part,) = read_mesh_file(str(path), (2.0, 1.0, 0.5))
    low, high = part.mesh.vertices_m.min(axis=0), part.mesh.vertices_m.max(axis=0)
    np.testing.assert_allclose(high - low, [2.0, 2.0, 1.5], rtol=1e-5)
    assert len(part.mesh.triangles) == 12
    assert part.mesh.closed


def test_a_mirrored_mesh_keeps_its_outside_outside(tmp_path):
    trimesh.creation.box(extents=(1.0, 2.0, 3.0)).export(tmp_path / "box.stl")
    (part,) = read_mesh_file(str(tmp_path / "box.stl"), (-1.0, 1.0, 1.0))
    assert part.mesh.closed


def test_materials_of_a_file_become_parts(tmp_path):
    (tmp_path / "two.mtl").write_text("newmtl a\nKd 1 0 0\nnewmtl b\nKd 0 0.5 1\nd 0.4\n")
    lines = ["mtllib two.mtl"] + ["v {} {} {}".format(*corner) for corner in CORNERS]
    lines += ["usemtl a", "f 1 2 3", "usemtl b", "f 1 3 4"]
    (tmp_path / "two.obj").write_text("\n".join(lines) + "\n")
    parts = read_mesh_file(str(tmp_path / "two.obj"))
    assert len(parts) == 2
    colors = sorted(part.color[:3] for part in parts)
    np.testing.assert_allclose(colors, [(0.0, 0.5, 1.0), (1.0, 0.0, 0.0)], atol=0.01)


def test_the_same_file_is_read_once(tmp_path):
    path = str(write_obj(tmp_path))
    assert read_mesh_file(path)[0].mesh is read_mesh_file(path)[0].mesh


@pytest.mark.parametrize(("name", "text"), [("a.txt", ""), ("b.obj", "v 0 0 0\n"), ("c.glb", "x")])
def test_bad_files_are_told(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(StorageError, match=name):
        read_mesh_file(str(tmp_path / name))


def test_missing_files_are_told(tmp_path):
    with pytest.raises(StorageError, match="none"):
        read_mesh_file(str(tmp_path / "none.stl"))
