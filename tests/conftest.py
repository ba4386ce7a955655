"""Settings for all tests, and a crossroads for those of maps and traffic.

Hypothesis draws the same examples on every run and machine.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import Control, JunctionKind, LaneKind, RoadClass

settings.register_profile(
    "same_everywhere",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same_everywhere")

LIMIT_M_S = 13.9


def make_crossroads(
    *,
    left_hand: bool = False,
    arm_m: float = 60.0,
    mouth_m: float = 10.0,
    controls: tuple[Control, ...] = (Control.FREE,) * 4,
    turn_around: bool = True,
) -> NetworkBuilder:
    """Arms to the east, north, west, south; lanes 2k lead in, lanes 2k + 1 lead out."""
    builder = NetworkBuilder(name="crossroads", source="test", licence="none", left_hand=left_hand)
    junction = builder.add_junction(JunctionKind.PLAIN, (0.0, 0.0))
    for arm in range(4):
        road = builder.add_road(f"arm {arm}", RoadClass.RESIDENTIAL)
        angle = 0.5 * np.pi * arm
        out = np.array([np.cos(angle), np.sin(angle)])
        left = np.array([-out[1], out[0]]) * (-1.75 if left_hand else 1.75)
        # Seen from outside the way in keeps to the side of traffic: left of `out` on the right.
        for points, sign in (((arm_m, mouth_m), 1.0), ((mouth_m, arm_m), -1.0)):
            builder.add_lane(
                LaneKind.DRIVE,
                [out * distance + sign * left for distance in points],
                width_m=3.5,
                road=road,
                speed_limit_m_s=LIMIT_M_S,
            )
        builder.set_opposite(2 * arm, 2 * arm + 1)
    for start in range(4):
        for end in range(4):
            if start != end:
                builder.connect(2 * start, 2 * end + 1, junction=junction, control=controls[start])
    if turn_around:
        for arm in range(4):
            end = builder.add_junction(JunctionKind.DEAD_END, (0.0, 0.0))
            builder.connect(2 * arm + 1, 2 * arm, junction=end)
    return builder


@pytest.fixture(scope="session")
def crossroads():
    """Makes the builder of the crossroads, see `make_crossroads`."""
    return make_crossroads
