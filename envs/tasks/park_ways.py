"""Ways into bays: parts of a line for the rear axle, each driven forwards or backwards.

Geometry is that of a car on its turning circle; speeds are a walk. The rear axle is what follows
the line, since it slips least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEP_M = 0.25
AXLE_BACK_M = 1.4375
"""From the car's base back to its rear axle."""

MIDDLE_BACK_M = 0.0675
"""From the car's base back to its middle."""

_RADIUS_M = 4.5
"""Little more than the car's own circle (4.2 m at the rear axle)."""

_KERB_RADIUS_M = 4.8
_BESIDE_BAYS_M = 3.0
_BESIDE_CARS_M = 1.75
_STRAIGHT_M = 2.5
_BEYOND = 12
_STRAIGHTEN_M = 0.75


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Part:
    """One part of a way.

    Attributes:
        line_m: (n, 2) places of the rear axle, `STEP_M` apart, world; straight on beyond the end,
            so that there is something to steer by up to there.
        end: Row at which the car stops.
        backwards: Whether the car reverses along it.
    """

    line_m: Floats
    end: int
    backwards: bool

    @classmethod
    def along(cls, way: Floats, *, backwards: bool) -> Part:
        """From closely spaced points (n, 2)."""
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way, axis=0).T))])
        end = int(np.ceil(along[-1] / STEP_M))
        wanted = np.minimum(STEP_M * np.arange(end + 1), along[-1])
        line = np.stack([np.interp(wanted, along, way[:, i]) for i in range(2)], axis=1)
        ahead = way[-1] - way[max(len(way) - 12, 0)]
        ahead = ahead / np.hypot(*ahead)
        beyond = STEP_M * np.arange(1, _BEYOND + 1)[:, None] * ahead
        return cls(line_m=np.concatenate([line, line[-1] + beyond]), end=end, backwards=backwards)


def nose_first(start_m: Floats, bay_x_m: float, middle_m: float) -> tuple[Part, ...]:
    """Along the aisle, a quarter of a circle, into the bay.

    Args:
        start_m: (2,) of the car's base, which points along x.
        bay_x_m, middle_m: Middle of the bay, which opens towards lower y.
    """
    y0 = float(start_m[1])
    end = middle_m + MIDDLE_BACK_M - AXLE_BACK_M
    # A wider circle brings the nose into the bay while it still turns, where it sweeps the car
    # beyond.
    radius = min(_RADIUS_M, end - y0 - 0.2)
    aisle = np.arange(float(start_m[0]) - AXLE_BACK_M, bay_x_m - radius, 0.02)
    angle = np.arange(0.0, 0.5 * np.pi, 0.02 / radius)
    inside = np.arange(y0 + radius, end, 0.02)
    way = np.concatenate(
        [
            np.stack([aisle, np.full(len(aisle), y0)], axis=1),
            np.stack([bay_x_m - radius + radius * np.sin(angle),
                      y0 + radius * (1.0 - np.cos(angle))], axis=1),
            np.stack([np.full(len(inside), bay_x_m), inside], axis=1),
            [[bay_x_m, end]],
        ]
    )  # fmt: skip
    return (Part.along(way, backwards=False),)


def in_reverse(start_m: Floats, bay_x_m: float, middle_m: float) -> tuple[Part, ...]:
    """Past the bay, near to those that stand there, and backwards into it; arguments as above."""
    y = -_BESIDE_BAYS_M
    end = middle_m - MIDDLE_BACK_M + AXLE_BACK_M
    centre = bay_x_m + _RADIUS_M
    angle = np.arange(0.0, 0.5 * np.pi, 0.02 / _RADIUS_M)
    inside = np.arange(y + _RADIUS_M, end, 0.02)
    back = np.concatenate(
        [
            [[centre + 0.5, y]],
            np.stack([centre - _RADIUS_M * np.sin(angle),
                      y + _RADIUS_M * (1.0 - np.cos(angle))], axis=1),
            np.stack([np.full(len(inside), bay_x_m), inside], axis=1),
            [[bay_x_m, end]],
        ]
    )  # fmt: skip
    past = _past(start_m, y, centre + 0.5)
    return past, Part.along(back, backwards=True)


def along_kerb(start_m: Floats, bay_x_m: float, middle_m: float) -> tuple[Part, ...]:
    """Past the gap, backwards into it on two arcs, one way and the other, and a little forward.

    The last part sets the car straight, as people do.

    Args:
        start_m: As above.
        bay_x_m, middle_m: Middle of the gap, which lies along x.
    """
    y = middle_m - 0.925 - 0.15 - _BESIDE_CARS_M
    shift = middle_m - y
    # Two arcs of an angle t move one aside by 2 r (1 - cos t) and along by 2 r sin t.
    turn = float(np.arccos(1.0 - 0.5 * shift / _KERB_RADIUS_M))
    along = 2.0 * _KERB_RADIUS_M * np.sin(turn)
    stands = bay_x_m + MIDDLE_BACK_M - AXLE_BACK_M
    end = stands - _STRAIGHTEN_M
    angle = np.arange(0.0, turn, 0.02 / _KERB_RADIUS_M)
    first = np.stack([_KERB_RADIUS_M * np.sin(angle), _KERB_RADIUS_M * (1.0 - np.cos(angle))], 1)
    # The second is the first one, seen from the other end.
    second = np.array([along, shift]) - first[::-1]
    bend = np.concatenate([first, second, [[along, shift]]])
    back = np.stack([end + along - bend[:, 0], y + bend[:, 1]], axis=1)
    back = np.concatenate([[[end + along + 0.5, y]], back])
    past = _past(start_m, y, end + along + 0.5)
    x = np.append(np.arange(end, stands, 0.02), stands)
    forward = np.stack([x, np.full(len(x), middle_m)], axis=1)
    return (
        past,
        Part.along(back, backwards=True),
        Part.along(forward, backwards=False),
    )


def _past(start_m: Floats, y_m: float, to_x_m: float) -> Part:
    """From the start over to a line along x, smoothly, and straight on to its end."""
    first = float(start_m[0]) - AXLE_BACK_M
    x = np.arange(first, to_x_m, 0.02)
    share = np.clip((x - first) / (to_x_m - _STRAIGHT_M - first), 0.0, 1.0)
    aside = float(start_m[1]) + (y_m - float(start_m[1])) * share * share * (3.0 - 2.0 * share)
    way = np.concatenate([np.stack([x, aside], axis=1), [[to_x_m, y_m]]])
    return Part.along(way, backwards=False)
