"""Road users to look at: cars, vans, trucks, buses, motorcycles and people on bicycles.

Each is made for a size, in the frame of its rectangle: origin on the ground in the middle of its
length and width, x forward, y left, z up. They are simpler than the ego car: many are seen at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.props.loft import loft, superellipse_sections
from fleetloop.envs.props.people import outfit_of, person_looks
from fleetloop.envs.props.two_wheelers import bicycle_looks, motorcycle_looks
from fleetloop.envs.props.vehicle import CarShape, car_body_looks
from fleetloop.envs.stage import Look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Cylinder, Shape
from fleetloop.envs.traffic.recording import RoadUser

Color = tuple[float, float, float]
Size = tuple[float, float, float]

PAINTS: tuple[Color, ...] = (
    (0.55, 0.55, 0.56), (0.03, 0.03, 0.035), (0.72, 0.72, 0.70), (0.12, 0.13, 0.15),
    (0.03, 0.07, 0.22), (0.35, 0.02, 0.02), (0.25, 0.26, 0.28), (0.05, 0.14, 0.09),
    (0.40, 0.33, 0.22), (0.02, 0.16, 0.30),
)  # fmt: skip
"""Of new cars some four in five are white, grey or black; the rest are blue, red and others [Axalta
Global Automotive Color Popularity Report 2023]."""

_PAINT_SHARES = np.array([0.13, 0.22, 0.30, 0.10, 0.09, 0.06, 0.05, 0.02, 0.02, 0.01])
_BUS_PAINTS: tuple[Color, ...] = ((0.45, 0.03, 0.03), (0.62, 0.42, 0.04), (0.04, 0.20, 0.36))


def road_user_looks(kind: int, size_m: Size, style: int) -> list[Look]:
    """The looks of a road user.

    Args:
        kind: `RoadUser`; the values of `VehicleKind` are the same.
        size_m: Length, width and height.
        style: Number from which colours are drawn, the same each time.
    """
    pick = np.random.Generator(np.random.Philox(key=int(style)))
    return _MAKERS[RoadUser(int(kind))](size_m, pick, int(style))


def _paint(pick: np.random.Generator) -> Color:
    return PAINTS[int(pick.choice(len(PAINTS), p=_PAINT_SHARES))]


def _car(size_m: Size, pick: np.random.Generator, style: int) -> list[Look]:
    del style
    length, width, height = size_m
    base = CarShape()
    scale = length / base.length_m
    shape = replace(
        base, length_m=length, width_m=width, height_m=height,
        wheelbase_m=scale * base.wheelbase_m, front_overhang_m=scale * base.front_overhang_m,
        track_m=width - 0.26,
    )  # fmt: skip
    middle = 0.5 * (shape.nose_x_m + shape.tail_x_m)
    looks = car_body_looks(shape, _paint(pick))
    x = (0.5 * shape.wheelbase_m, -0.5 * shape.wheelbase_m)
    looks += _wheels(x, 0.5 * shape.track_m, shape.wheel_radius_m, 0.23, SemanticClass.CAR)
    return [_moved(look, -middle) for look in looks]


def _van(size_m: Size, pick: np.random.Generator, style: int) -> list[Look]:
    del style
    length, width, height = size_m
    white = (0.74, 0.74, 0.72)
    paint = _painted(white if pick.uniform() < 0.6 else _paint(pick))
    nose, tail = 0.5 * length, -0.5 * length
    table = np.array(
        [[0.0, 0.93, 0.98], [0.02, 0.98, 1.0], [0.62, 1.0, 1.0], [0.72, 1.0, 0.97],
         [0.80, 1.0, 0.80], [0.87, 0.98, 0.56], [0.97, 0.93, 0.50], [1.0, 0.82, 0.42]]
    )  # fmt: skip
    low = 0.22
    body = superellipse_sections(
        tail + table[:, 0] * length, 0.5 * width * table[:, 1], np.full(len(table), low),
        low + table[:, 2] * (height - low), exponent=7.0, corners=20,
    )  # fmt: skip
    car, glass = SemanticClass.CAR, MATERIALS.get("glass_dark")
    screen = Pose.of(tail + 0.815 * length, 0.0, 0.70 * height, pitch_rad=-0.52)
    looks = [
        _look(loft(body), paint, car),
        _look(Box((0.02, 0.44 * width, 0.19 * height)), glass, car, screen),
    ]
    for side in (-1.0, 1.0):
        place = Pose.of(tail + 0.68 * length, side * (0.5 * width - 0.012), 0.68 * height)
        looks.append(_look(Box((0.09 * length, 0.02, 0.11 * height)), glass, car, place))
        mirror = Pose.of(tail + 0.78 * length, side * (0.5 * width + 0.10), 0.60 * height)
        looks.append(_look(Box((0.05, 0.09, 0.13)), MATERIALS.get("plastic_black"), car, mirror))
    looks += _lamps(nose - 0.06, tail, 0.5 * width, 0.36 * height, 0.42 * height, car)
    radius = 0.34
    looks += _wheels((nose - 0.95, tail + 1.05), 0.5 * width - 0.14, radius, 0.24, car)
    return looks


def _bus(size_m: Size, pick: np.random.Generator, style: int) -> list[Look]:
    del style
    length, width, height = size_m
    bus = SemanticClass.BUS
    paint = _painted(_BUS_PAINTS[int(pick.integers(len(_BUS_PAINTS)))])
    glass, dark = MATERIALS.get("glass_dark"), MATERIALS.get("plastic_black")
    low, half = 0.28, 0.5 * width
    ends = np.array([0.0, 0.012, 0.03, 0.97, 0.988, 1.0])
    narrow = np.array([0.93, 0.98, 1.0, 1.0, 0.98, 0.93])
    body = superellipse_sections(
        -0.5 * length + ends * length, half * narrow, np.full(6, low),
        low + (height - low) * np.array([0.95, 0.985, 1.0, 1.0, 0.985, 0.95]),
        exponent=9.0, corners=20,
    )  # fmt: skip
    band = Box((0.47 * length, half + 0.006, 0.17 * height))
    looks = [
        _look(loft(body), paint, bus),
        _look(band, glass, bus, Pose.of(-0.01 * length, 0.0, 0.63 * height)),
        _look(Box((0.03, 0.44 * width, 0.24 * height)), glass, bus,
              Pose.of(0.5 * length - 0.02, 0.0, 0.60 * height)),
        _look(Box((0.03, 0.34 * width, 0.05 * height)), MATERIALS.get("lamp"), bus,
              Pose.of(0.5 * length - 0.025, 0.0, 0.90 * height)),
        _look(Box((0.16 * length, 0.36 * width, 0.09)), dark, bus,
              Pose.of(-0.2 * length, 0.0, height + 0.02)),
    ]  # fmt: skip
    # Pillars between the windows, and two doors on the right.
    for k in range(7):
        x = (-0.42 + 0.14 * k) * length
        looks.append(_look(Box((0.05, half + 0.012, 0.17 * height)), dark, bus,
                           Pose.of(x, 0.0, 0.63 * height)))  # fmt: skip
    for x in (0.40 * length, 0.02 * length):
        door = Pose.of(x, -half - 0.004, low + 0.36 * height)
        looks.append(_look(Box((0.055 * length, 0.012, 0.33 * height)), glass, bus, door))
    looks += _lamps(0.5 * length - 0.03, -0.5 * length, half, 0.24 * height, 0.28 * height, bus)
    axles = (0.5 * length - 2.7, -0.5 * length + 3.3)
    return looks + _wheels(axles, half - 0.17, 0.48, 0.30, bus)


def _truck(size_m: Size, pick: np.random.Generator, style: int) -> list[Look]:
    del style
    length, width, height = size_m
    truck, half = SemanticClass.TRUCK, 0.5 * width
    cab_m, dark = 1.9, MATERIALS.get("plastic_black")
    nose = 0.5 * length
    shares = np.array([0.0, 0.05, 0.70, 0.90, 0.97, 1.0])
    tops = np.array([0.84, 0.86, 0.86, 0.80, 0.60, 0.42]) * height
    cab = superellipse_sections(
        nose - cab_m + shares * cab_m, half * np.array([0.94, 0.97, 0.97, 0.95, 0.93, 0.90]),
        np.full(6, 0.40), tops, exponent=8.0, corners=20,
    )  # fmt: skip
    cargo_m = length - cab_m - 0.15
    cargo = Box((0.5 * cargo_m, half, 0.5 * (height - 0.95)))
    box_paint = replace(MATERIALS.get("metal_painted"), color=(0.70, 0.70, 0.68))
    looks = [
        _look(loft(cab), _painted(_paint(pick)), truck),
        _look(cargo, box_paint, truck,
              Pose.of(-nose + 0.5 * cargo_m, 0.0, 0.95 + 0.5 * (height - 0.95))),
        _look(Box((0.5 * length - 0.2, 0.36 * width, 0.11)), dark, truck,
              Pose.of(-0.1, 0.0, 0.78)),
        _look(Box((0.02, 0.42 * width, 0.13 * height)), MATERIALS.get("glass_dark"), truck,
              Pose.of(nose - 0.10, 0.0, 0.63 * height, pitch_rad=-0.22)),
        _look(Box((0.03, 0.30 * width, 0.05 * height)), dark, truck,
              Pose.of(nose + 0.005, 0.0, 0.30 * height)),
    ]  # fmt: skip
    for side in (-1.0, 1.0):
        window = Pose.of(nose - 0.75, side * (0.965 * half), 0.64 * height)
        looks.append(_look(Box((0.38, 0.02, 0.10 * height)), MATERIALS.get("glass_dark"), truck,
                           window))  # fmt: skip
        mirror = Pose.of(nose - 0.30, side * (half + 0.12), 0.62 * height)
        looks.append(_look(Box((0.05, 0.10, 0.22)), dark, truck, mirror))
    looks += _lamps(nose - 0.02, -nose, half, 0.24 * height, 0.90, truck)
    return looks + _wheels((nose - 1.25, -nose + 1.6), half - 0.17, 0.46, 0.30, truck)


def _motorcycle(size_m: Size, pick: np.random.Generator, style: int) -> list[Look]:
    return motorcycle_looks(size_m[0], _paint(pick), style)


def _bicycle(size_m: Size, pick: np.random.Generator, style: int) -> list[Look]:
    return bicycle_looks(size_m[0], _paint(pick), style)


def _pedestrian(size_m: Size, pick: np.random.Generator, style: int) -> list[Look]:
    del pick
    return person_looks(size_m[2], outfit_of(style))


def _wheels(
    axles_x_m: tuple[float, ...], half_track: float, radius: float, width: float,
    semantic: SemanticClass,
) -> list[Look]:  # fmt: skip
    looks = []
    axle = Pose.of(roll_rad=np.pi / 2.0)
    for x in axles_x_m:
        for side in (-1.0, 1.0):
            place = Pose.of(x, side * half_track, radius) @ axle
            looks.append(
                _look(Cylinder(radius, 0.5 * width), MATERIALS.get("tyre"), semantic, place)
            )
            rim = Cylinder(0.62 * radius, 0.5 * width + 0.006)
            looks.append(_look(rim, MATERIALS.get("metal"), semantic, place))
    return looks


def _lamps(
    nose: float, tail: float, half: float, front_z: float, rear_z: float, semantic: SemanticClass
) -> list[Look]:
    looks = []
    for side in (-1.0, 1.0):
        looks.append(_look(Box((0.04, 0.14, 0.07)), MATERIALS.get("headlamp"), semantic,
                           Pose.of(nose, side * (half - 0.24), front_z)))  # fmt: skip
        looks.append(_look(Box((0.03, 0.07, 0.14)), MATERIALS.get("taillamp"), semantic,
                           Pose.of(tail + 0.005, side * (half - 0.14), rear_z)))  # fmt: skip
    plate = Box((0.008, 0.26, 0.055))
    for x, z in ((tail - 0.004, 0.62 * rear_z + 0.1), (nose + 0.045, 0.55 * front_z + 0.05)):
        looks.append(_look(plate, MATERIALS.get("licence_plate"), semantic, Pose.of(x, 0.0, z)))
    return looks


def _painted(color: Color) -> Material:
    return replace(MATERIALS.get("car_paint"), color=color)


def _moved(look: Look, x_m: float) -> Look:
    return replace(look, body_T_look=Pose.of(x_m) @ look.body_T_look)


def _look(
    shape: Shape, material: Material, semantic: SemanticClass, place: Pose | None = None
) -> Look:
    return Look(
        shape=shape, material=material, semantic=semantic, body_T_look=place or Pose.identity()
    )


_Maker = Callable[[Size, np.random.Generator, int], list[Look]]
_MAKERS: dict[RoadUser, _Maker] = {
    RoadUser.CAR: _car,
    RoadUser.VAN: _van,
    RoadUser.TRUCK: _truck,
    RoadUser.BUS: _bus,
    RoadUser.EXTERNAL: _car,
    RoadUser.BICYCLE: _bicycle,
    RoadUser.MOTORCYCLE: _motorcycle,
    RoadUser.PEDESTRIAN: _pedestrian,
}
