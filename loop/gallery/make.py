"""Makes all pictures of the gallery, one after the other, and a sheet of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fleetloop.core.errors import StorageError
from fleetloop.core.frames import Pose
from fleetloop.core.lens import Lens
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.look import look_from, looking_at, sweep
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View
from fleetloop.loop.gallery import plates, rivals
from fleetloop.loop.gallery.plates import Picture
from fleetloop.loop.gallery.street import EYE_HEIGHT_M, Street, build_street, weathers

SIZE_PX = (640, 440)
COLUMNS = 4
SMALL = frozenset({
    "table_tiny", "table_ours", "street_day", "street_rain", "street_night", "street_snow",
    "lens_fisheye", "label_depth", "label_instance", "label_normal", "label_flow", "lidar_height",
})  # fmt: skip
"""Pictures of the small sheet."""

_CAPTION_PX = 30
_FLOW_STEP_M = 0.5
_FLOW_TOP_PX = 24.0


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """One picture of the gallery.

    Attributes:
        name: Of its file.
        caption: What it shows.
        picture: (height, width, 3) sRGB.
    """

    name: str
    caption: str
    picture: Picture


def make_gallery(
    out: Path, *, threads: int = 1, on_plate: Callable[[Plate], None] = lambda plate: None
) -> Path:
    """Renders everything into a folder and returns the path of the sheet.

    Beside the sheet lies `small.png`, a few of the pictures in few bytes, for a page.

    Args:
        out: Made if it is not there.
        threads: That trace rays.
        on_plate: Called after each picture is written.

    Raises:
        StorageError: A file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for plate in all_plates(threads):
        _write(out / f"{plate.name}.png", plate.picture)
        made.append(plate)
        on_plate(plate)
    _write_small(out / "small.png", [plate for plate in made if plate.name in SMALL])
    sheet = out / "sheet.png"
    _write(sheet, contact_sheet(made))
    return sheet


PLATES = 2 * len(rivals.SCENES) + 6 + 4 + 4 + 2
"""How many pictures there are, for progress."""


def all_plates(threads: int = 1) -> Iterator[Plate]:
    """All pictures, each made when it is asked for."""
    for name in rivals.SCENES:
        theirs, ours = rivals.both(name, SIZE_PX, threads)
        yield Plate(f"{name}_tiny", f"{name}: PyBullet's TinyRenderer", theirs)
        yield Plate(f"{name}_ours", f"{name}: fleetloop, same scene", ours)
    street = build_street()
    try:
        yield from _weather_plates(street, threads)
        street.scene.light = weathers(street)["day"]
        yield from _lens_plates(street, threads)
        yield from _label_plates(street, threads)
        yield from _lidar_plates(street, threads)
    finally:
        street.stage.close()


def contact_sheet(made: Sequence[Plate], columns: int = COLUMNS, tile_px: int = 480) -> Picture:
    """All pictures in rows, each over its caption; small tiles have small captions."""
    height = round(tile_px * SIZE_PX[1] / SIZE_PX[0])
    cells = [_captioned(plate, tile_px, height) for plate in made]
    empty = np.full_like(cells[0], 255)
    cells += [empty] * (-len(cells) % columns)
    rows = [np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def _captioned(plate: Plate, width: int, height: int) -> Picture:
    picture = _fitted(plate.picture, width - 8, height - 8)
    cell = np.full((height + _CAPTION_PX, width, 3), 255, np.uint8)
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    cell[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    place = (6, height + 18)
    size = min(0.5, width / 850.0)
    cv2.putText(
        cell, plate.caption, place, cv2.FONT_HERSHEY_SIMPLEX, size, (30, 30, 30), 1, cv2.LINE_AA
    )
    return cell


def _fitted(picture: Picture, width: int, height: int) -> Picture:
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (round(scale * picture.shape[1]), round(scale * picture.shape[0]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _driver(street: Street) -> tuple[np.ndarray, np.ndarray]:
    """Position and world_R_optical of someone who looks along the road."""
    eye = street.driver.transform_points([0.0, 0.0, EYE_HEIGHT_M])
    return eye, looking_at(eye, street.driver.transform_points([20.0, 0.3, 1.0]))


def _seen(street: Street, lens: Lens, outputs: Sequence[str], threads: int) -> dict[str, Picture]:
    rays = RayGrid(lens.directions(), projection=lens.project)
    return look_from(
        street.scene, *_driver(street), rays=rays, outputs=outputs, t_min_m=0.1, threads=threads
    )


def _weather_plates(street: Street, threads: int) -> Iterator[Plate]:
    lens = Lens.of_fov(*SIZE_PX, 1.1)
    for name, light in weathers(street).items():
        street.scene.light = light
        picture = _seen(street, lens, ("rgb",), threads)["rgb"]
        yield Plate(f"street_{name.replace(' ', '_')}", f"street: {name}{_told(light)}", picture)


def _told(light: Light) -> str:
    if light.rain_mm_h > 0.0:
        return f", {light.rain_mm_h:g} mm/h"
    if light.snowfall_mm_h == 0.0 and light.fog_visibility_m < 1e4:
        return f", visibility {light.fog_visibility_m:g} m"
    return ""


def _lens_plates(street: Street, threads: int) -> Iterator[Plate]:
    width, height = SIZE_PX
    lenses = {
        "pinhole": ("pinhole, 63 degrees", Lens.of_fov(width, height, 1.1)),
        "distorted": (
            "Brown-Conrady, barrel distortion",
            Lens.of_fov(width, height, 1.5, distortion=(-0.22, 0.05, 0.0, 0.0)),
        ),
        "fisheye": (
            "fisheye, Kannala-Brandt, 180 degrees",
            Lens.of_fov(width, height, 3.14, model="fisheye", distortion=(0.01, -0.002, 0, 0)),
        ),
        "panorama": (
            "panorama, 360 degrees",
            Lens.of_fov(2 * width, width // 2, 6.283, model="panorama"),
        ),
    }
    for name, (caption, lens) in lenses.items():
        yield Plate(f"lens_{name}", caption, _seen(street, lens, ("rgb",), threads)["rgb"])


def _label_plates(street: Street, threads: int) -> Iterator[Plate]:
    """Depth, normals, ids and flow: the car ahead has moved on, and so has the viewer."""
    lens = Lens.of_fov(*SIZE_PX, 1.1)
    position, rotation = _driver(street)
    ahead = street.stage.things["ahead"]
    before = street.scene.poses()
    forward = street.driver.rotation @ np.array([1.0, 0.0, 0.0])
    poses = [street.scene.pose(handle) for handle in ahead.handles]
    street.scene.set_poses(
        ahead.handles, [p + 1.0 * forward for p, _ in poses], [q for _, q in poses]
    )
    view = View(
        rays=RayGrid(lens.directions(), projection=lens.project),
        position_m=position, rotation=rotation, t_min_m=0.1,
        outputs=frozenset({"depth", "normal", "instance", "flow_backward", "flow_occluded"}),
        previous_position_m=position - _FLOW_STEP_M * forward, previous_rotation=rotation,
        previous_poses=before,
    )  # fmt: skip
    image = trace([(street.scene, view)], threads=threads)[0]
    yield Plate("label_depth", "depth, near is bright", plates.depth_plate(image["depth"]))
    yield Plate("label_normal", "surface normals", plates.normal_plate(image["normal"]))
    yield Plate("label_instance", "instance ids", plates.id_plate(image["instance"]))
    flow = plates.flow_plate(image["flow_backward"], image["flow_occluded"], _FLOW_TOP_PX)
    yield Plate("label_flow", "optical flow, black: hidden before", flow)


def _lidar_plates(street: Street, threads: int) -> Iterator[Plate]:
    top = street.driver @ Pose.of(0.0, 0.0, 1.9)
    beams = np.radians(np.linspace(-24.0, 12.0, 64)).tolist()
    image = sweep(
        street.scene, top.position_m, elevations_rad=beams, azimuths=1800, threads=threads,
        outputs=("hit", "position", "material", "incidence"),
    )  # fmt: skip
    hit = image["hit"]
    points = (image["position"][hit] @ top.rotation).astype(np.float32)
    height = points[:, 2] + np.float32(1.9)
    size = SIZE_PX
    reflectivity = street.scene.materials.column("lidar_reflectivity")[image["material"][hit]]
    brightness = reflectivity * image["incidence"][hit]
    yield Plate(
        "lidar_height", "LiDAR from above, 64 beams, by height",
        plates.cloud_plate(points, height, (-0.2, 7.0), size, 40.0),
    )  # fmt: skip
    yield Plate(
        "lidar_intensity", "LiDAR, by reflectivity and incidence",
        plates.cloud_plate(points, brightness, (0.0, 0.45), size, 40.0),
    )  # fmt: skip


def _write_small(path: Path, made: Sequence[Plate]) -> None:
    """A sheet of 256 colours, which is half of the bytes."""
    sheet = Image.fromarray(contact_sheet(made, columns=4, tile_px=300))
    try:
        palette = sheet.quantize(256)
        dithered = sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        dithered.save(path, optimize=True)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}") from error


def _write(path: Path, picture: Picture) -> None:
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise StorageError(f"{path} cannot be written: is the folder writable and the disk free?")
