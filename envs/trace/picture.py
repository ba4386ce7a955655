"""From G-buffer to picture: runs the shading stages for a chunk of tiles.

records (albedo) -> sun shadows (occlusion) -> radiance (shade) -> image (tone)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.albedo import RECORD_FLOATS, surface_records
from fleetloop.envs.trace.decoration import decorate, is_decorated
from fleetloop.envs.trace.layers import Shaded, composite
from fleetloop.envs.trace.layout import (
    LANES,
    SEE_THROUGH,
    GBuffer,
    InstanceArrays,
    MeshArrays,
    TileArrays,
)
from fleetloop.envs.trace.light import LightArrays, illumination, light_arrays
from fleetloop.envs.trace.occlusion import sun_shadow
from fleetloop.envs.trace.precipitation import Falling, draw_falling, falling
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shade import light_tiles
from fleetloop.envs.trace.tone import exposure_for, srgb_curve, write_hdr, write_pixels, write_rgb
from fleetloop.envs.trace.view import View

Image = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Painter:
    """What all chunks of a frame need to be shaded; nothing in it changes while they run.

    Attributes:
        light: In the ray frames of all slots of the view.
        shading, looks, texels, texture_meta: The material table.
        pixel_rad: Angle between neighbouring rays.
        exposure: Gain of the sRGB view.
        is_day: Whether the sun shines, so that shadows are worth tracing.
        alpha: Opacity of the materials.
        t_limits: t_min_m and t_max_m of the view.
        has_blended: Whether anything in the scene lets light through.
        falling: Rain and snow.
        is_decorated: Whether there are patterns or weather on surfaces.
    """

    light: LightArrays
    shading: npt.NDArray[np.float32]
    looks: npt.NDArray[np.int32]
    texels: npt.NDArray[np.float32]
    texture_meta: npt.NDArray[np.int32]
    pixel_rad: float
    exposure: float
    is_day: bool
    alpha: npt.NDArray[np.float32]
    t_limits: tuple[float, float]
    has_blended: bool
    falling: tuple[Falling, ...]
    is_decorated: bool


def prepare_painter(scene: Scene, view: View) -> Painter:
    """Reads materials and light of a scene for one view."""
    colors = illumination(scene.light)
    table = scene.materials
    # Asking for the looks puts their textures into the pool: it comes first.
    looks = table.looks
    light = light_arrays(scene.light, view.position_m, view.rotation)
    return Painter(
        light=light,
        shading=table.shading,
        looks=looks,
        texels=table.textures.texels,
        texture_meta=table.textures.meta,
        pixel_rad=view.rays.pixel_rad,
        exposure=exposure_for(colors, float(np.sin(scene.light.sun_elevation_rad))),
        is_day=bool(colors.sun.max() > 0.0),
        alpha=table.alpha,
        t_limits=(view.t_min_m, view.t_max_m),
        has_blended=scene.has_blended,
        falling=falling(scene.light, view.seed),
        is_decorated=is_decorated(looks, light.numbers),
    )


def paint(
    painter: Painter,
    tiles: TileArrays,
    slots: npt.NDArray[np.int32],
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
) -> Shaded:
    """Radiance of a list of tiles, with what lies behind glass.

    Args:
        painter: Of the frame.
        tiles: The list; its tables belong to `slots`.
        slots: (tables,) time slots of the view.
        instances, meshes, gbuffer: As `visibility` left them.
    """

    def shade(part: TileArrays, met: GBuffer) -> Shaded:
        return _shade(painter, part, slots, instances, meshes, met)

    shaded = shade(tiles, gbuffer)
    if painter.has_blended:
        # Composing puts the front surface in place of what depth and ids show, in a copy.
        shaded = shaded._replace(instance=shaded.instance.copy())
        limits = painter.t_limits
        composite(tiles, instances, meshes, gbuffer, painter.alpha, limits, shade, shaded)
    for drops in painter.falling:
        light = _light_of(painter, slots)
        draw_falling(tiles, gbuffer, light, painter.pixel_rad, drops, shaded.hdr)
    return shaded


def _light_of(painter: Painter, slots: npt.NDArray[np.int32]) -> LightArrays:
    """The light in the ray frames of some slots."""
    return LightArrays(
        painter.light.sun[slots],
        painter.light.up[slots],
        painter.light.lamps[slots],
        painter.light.numbers,
        painter.light.world_R_sensor[slots],
    )


def _shade(
    painter: Painter,
    tiles: TileArrays,
    slots: npt.NDArray[np.int32],
    instances: InstanceArrays,
    meshes: MeshArrays,
    gbuffer: GBuffer,
) -> Shaded:
    """Radiance of what was met, as if all of it were opaque."""
    count = len(tiles.tiles)
    light = _light_of(painter, slots)
    record = np.empty((count, RECORD_FLOATS), np.float32)
    wanted = np.empty((count, LANES), np.uint8)
    surface_records(
        tiles,
        instances,
        meshes,
        gbuffer,
        painter.shading,
        painter.looks,
        painter.texels,
        painter.texture_meta,
        light,
        painter.pixel_rad,
        record,
        wanted,
    )
    if painter.is_decorated:
        decorate(
            tiles,
            instances,
            meshes,
            gbuffer,
            painter.shading,
            painter.looks,
            light,
            painter.pixel_rad,
            record,
        )
    if painter.is_day:
        shadow = np.empty((count, LANES), np.uint8)
        sun = (light.sun, light.up)
        sun_shadow(tiles, instances, meshes, gbuffer, *sun, wanted, SEE_THROUGH, shadow)
    else:
        shadow = np.zeros((count, LANES), np.uint8)
    hdr = np.empty((count, 3, LANES), np.float32)
    light_tiles(tiles, gbuffer, record, shadow, light, hdr)
    return Shaded(hdr, record, shadow, gbuffer.instance)


def write_picture(
    painter: Painter,
    rays: RayGrid,
    tiles: TileArrays,
    hdr: npt.NDArray[np.float32],
    images: dict[str, Image],
) -> None:
    """Puts radiance into the images "hdr" and "rgb", whichever are there."""
    if "hdr" in images:
        write_hdr(tiles.tiles, hdr, rays.tile_origin, rays.tile_width, images["hdr"])
    if "rgb" in images:
        write_rgb(
            tiles.tiles,
            hdr,
            rays.tile_origin,
            rays.tile_width,
            painter.exposure,
            srgb_curve(),
            images["rgb"],
        )


def write_smoothed(
    painter: Painter,
    rows: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    light: npt.NDArray[np.float32],
    images: dict[str, Image],
) -> None:
    """Puts the radiance (k, n, 3) of single pixels (k, n) into the images "hdr" and "rgb"."""
    hdr = images.get("hdr", np.empty((0, 0, 3), np.float32))
    rgb = images.get("rgb", np.empty((0, 0, 3), np.uint8))
    write_pixels(rows, columns, light, painter.exposure, srgb_curve(), hdr, rgb)
