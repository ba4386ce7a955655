"""Cars to look at: a body drawn along its length, a glass house, wheels, lamps and plates.

Everything is in the frame of the car: x forward, y left, z up, origin on the ground in the middle
between the axles. Sizes are those of a mid-size saloon unless they are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.props.loft import loft, superellipse_sections
from fleetloop.envs.stage import Look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Cylinder, Mesh, Shape

Color = tuple[float, float, float]
"""Linear red, green, blue, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarShape:
    """Outer measures of a car.

    Attributes:
        length_m, width_m, height_m: Over all, without mirrors.
        wheelbase_m: Between the axles.
        front_overhang_m: From the front axle to the bumper.
        track_m: Between the middles of the wheels of one axle.
        wheel_radius_m: Outer radius of the tyre.
        clearance_m: Between ground and body.
    """

    length_m: float = 4.69
    width_m: float = 1.85
    height_m: float = 1.44
    wheelbase_m: float = 2.875
    front_overhang_m: float = 0.84
    track_m: float = 1.58
    wheel_radius_m: float = 0.335
    clearance_m: float = 0.14

    @property
    def nose_x_m(self) -> float:
        """X of the front bumper."""
        return 0.5 * self.wheelbase_m + self.front_overhang_m

    @property
    def tail_x_m(self) -> float:
        """X of the rear bumper."""
        return self.nose_x_m - self.length_m


def car_body_looks(shape: CarShape, color: Color) -> list[Look]:
    """Everything but the wheels."""
    paint = replace(MATERIALS.get("car_paint"), color=color)
    looks = [_look(_lower_body(shape), paint), *_greenhouse(shape, paint), *_front(shape)]
    return looks + _rear(shape)


def wheel_looks(shape: CarShape) -> list[Look]:
    """One wheel around its own centre, axle along y: tyre, rim and hub on both sides."""
    axle = Pose.of(roll_rad=np.pi / 2.0)
    width_m = 0.235
    radius = shape.wheel_radius_m
    return [
        _look(Cylinder(radius, 0.5 * width_m), MATERIALS.get("tyre"), axle),
        _look(Cylinder(0.68 * radius, 0.5 * width_m + 0.004), MATERIALS.get("metal"), axle),
        _look(Cylinder(0.20 * radius, 0.5 * width_m + 0.012), MATERIALS.get("tyre"), axle),
    ]


def wheel_places(shape: CarShape) -> tuple[Pose, ...]:
    """Wheel centres in the car's frame: front left, front right, rear left, rear right."""
    x, y, z = 0.5 * shape.wheelbase_m, 0.5 * shape.track_m, shape.wheel_radius_m
    return (Pose.of(x, y, z), Pose.of(x, -y, z), Pose.of(-x, y, z), Pose.of(-x, -y, z))


def standing_car_looks(shape: CarShape, color: Color) -> list[Look]:
    """A whole car whose wheels do not turn, for kerbsides."""
    looks = car_body_looks(shape, color)
    for place in wheel_places(shape):
        looks += [
            replace(look, body_T_look=place @ look.body_T_look) for look in wheel_looks(shape)
        ]
    return looks


def _lower_body(shape: CarShape) -> Mesh:
    nose, tail, half = shape.nose_x_m, shape.tail_x_m, 0.5 * shape.width_m
    low = shape.clearance_m
    belt = 0.62 * shape.height_m
    # Stations from tail to nose: position along the car, width, underside, top; parts of the whole.
    table = np.array(
        [
            [0.000, 0.70, 0.16, 0.80],
            [0.015, 0.86, 0.06, 0.97],
            [0.060, 0.95, 0.02, 1.03],
            [0.160, 0.99, 0.00, 1.05],
            [0.300, 1.00, 0.00, 1.02],
            [0.500, 1.00, 0.00, 1.00],
            [0.680, 1.00, 0.00, 0.98],
            [0.790, 0.99, 0.00, 0.94],
            [0.900, 0.96, 0.01, 0.84],
            [0.960, 0.90, 0.04, 0.74],
            [0.988, 0.80, 0.10, 0.66],
            [1.000, 0.66, 0.20, 0.56],
        ]
    )
    x = tail + table[:, 0] * (nose - tail)
    sections = superellipse_sections(
        x, half * table[:, 1], low + table[:, 2] * belt, low + table[:, 3] * (belt - low),
        exponent=5.0, corners=28,
    )  # fmt: skip
    return loft(sections)


def _greenhouse(shape: CarShape, paint: Material) -> list[Look]:
    nose, tail = shape.nose_x_m, shape.tail_x_m
    belt, top = 0.58 * shape.height_m, shape.height_m
    half = 0.5 * shape.width_m
    glass_table = np.array(
        [
            [0.10, 0.62, 0.10],
            [0.17, 0.78, 0.50],
            [0.27, 0.80, 0.86],
            [0.40, 0.80, 0.985],
            [0.50, 0.80, 0.985],
            [0.60, 0.80, 0.86],
            [0.70, 0.78, 0.44],
            [0.77, 0.70, 0.10],
        ]
    )
    x = tail + glass_table[:, 0] * (nose - tail)
    height = belt + glass_table[:, 2] * (top - belt)
    glass = superellipse_sections(
        x, half * glass_table[:, 1], np.full(len(x), belt - 0.05), height, exponent=3.2, corners=24
    )
    # The roof is a thin shell over the glass, so that it keeps the car's colour.
    roof_table = np.array([[0.25, 0.55, 0.84], [0.33, 0.68, 0.96], [0.42, 0.70, 1.0],
                           [0.50, 0.70, 1.0], [0.57, 0.66, 0.93], [0.61, 0.54, 0.86]])  # fmt: skip
    roof_x = tail + roof_table[:, 0] * (nose - tail)
    roof_top = belt + roof_table[:, 2] * (top - belt)
    roof = superellipse_sections(
        roof_x, half * roof_table[:, 1], roof_top - 0.10, roof_top + 0.012, exponent=3.0, corners=24
    )
    return [_look(loft(glass), MATERIALS.get("glass_dark")), _look(loft(roof), paint)]


def _front(shape: CarShape) -> list[Look]:
    x, half, height = shape.nose_x_m, 0.5 * shape.width_m, shape.height_m
    lamp, dark = MATERIALS.get("headlamp"), MATERIALS.get("plastic_black")
    looks = [
        _look(Box((0.05, 0.16, 0.045)), lamp, Pose.of(x - 0.10, side * 0.68 * half, 0.425 * height,
              yaw_rad=side * -0.35)) for side in (-1.0, 1.0)
    ]  # fmt: skip
    looks.append(
        _look(Box((0.02, 0.55 * half, 0.06)), dark, Pose.of(x - 0.015, 0.0, 0.25 * height))
    )
    looks.append(_plate(Pose.of(x + 0.008, 0.0, 0.33 * height)))
    return looks + _mirrors(shape)


def _rear(shape: CarShape) -> list[Look]:
    x, half, height = shape.tail_x_m, 0.5 * shape.width_m, shape.height_m
    lamp = MATERIALS.get("taillamp")
    looks = [
        _look(Box((0.05, 0.18, 0.05)), lamp, Pose.of(x + 0.07, side * 0.66 * half, 0.56 * height,
              yaw_rad=side * 0.30)) for side in (-1.0, 1.0)
    ]  # fmt: skip
    looks.append(_plate(Pose.of(x - 0.004, 0.0, 0.46 * height)))
    return looks


def _mirrors(shape: CarShape) -> list[Look]:
    dark = MATERIALS.get("plastic_black")
    x, y, z = 0.24 * shape.wheelbase_m, 0.5 * shape.width_m + 0.07, 0.68 * shape.height_m
    # Flat towards the driver, round towards the wind.
    along = np.array([-0.06, -0.05, 0.0, 0.05, 0.08])
    wide = np.array([0.09, 0.105, 0.10, 0.07, 0.02])
    high = np.array([0.050, 0.062, 0.058, 0.042, 0.015])
    housing = loft(superellipse_sections(along, wide, -high, high, exponent=3.0, corners=16))
    return [_look(housing, dark, Pose.of(x, side * y, z)) for side in (-1.0, 1.0)]


def _plate(place: Pose) -> Look:
    return _look(Box((0.008, 0.26, 0.055)), MATERIALS.get("licence_plate"), place)


def _look(shape: Shape, material: Material, place: Pose | None = None) -> Look:
    return Look(
        shape=shape,
        material=material,
        semantic=SemanticClass.CAR,
        body_T_look=place or Pose.identity(),
    )
