"""Cross-sections of streets: what lies side by side, in metres from the middle outwards.

Widths follow common design guides (NACTO, Urban Street Design Guide 2013: lanes of 3.0 to 3.3 m,
parking 2.1 m, bicycle lanes 1.5 to 1.8 m, sidewalks of 1.8 m and more).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.kinds import RoadClass

KERB_M = 0.15
KERB_HEIGHT_M = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One side of a street; both sides are alike.

    Attributes:
        road_class: Rank.
        strip_m: Half of the strip in the middle: median and turn pockets of arterials, else 0.
        lanes: Drive lanes for each direction.
        lane_m: Width of one.
        bike_m: Bicycle lane, 0 without.
        parking_m: Parking lane, 0 without.
        gutter_m: Between the outermost lane and the kerb.
        verge_m: Grass or trees between kerb and sidewalk.
        sidewalk_m: Width.
        corner_m: Radius of kerbs at corners.
        limit_m_s: Speed limit.
    """

    road_class: RoadClass
    strip_m: float
    lanes: int
    lane_m: float
    bike_m: float
    parking_m: float
    gutter_m: float
    verge_m: float
    sidewalk_m: float
    corner_m: float
    limit_m_s: float

    @property
    def drive_edge_m(self) -> float:
        """From the middle to the outer border of the last drive lane."""
        return self.strip_m + self.lanes * self.lane_m

    @property
    def kerb_m(self) -> float:
        """From the middle to the face of the kerb."""
        return self.drive_edge_m + self.bike_m + self.parking_m + self.gutter_m

    @property
    def walk_m(self) -> float:
        """From the middle to the middle of the sidewalk."""
        return self.kerb_m + self.verge_m + 0.5 * self.sidewalk_m

    @property
    def outer_m(self) -> float:
        """From the middle to the property line."""
        return self.kerb_m + self.verge_m + self.sidewalk_m


def draw_profile(road_class: RoadClass, rng: np.random.Generator) -> Profile:
    """Draws the cross-section of a street of a class."""
    chance = rng.uniform(size=3)
    if road_class == RoadClass.ARTERIAL:
        return Profile(
            road_class=road_class, strip_m=1.6, lanes=2, lane_m=3.3, bike_m=0.0, parking_m=0.0,
            gutter_m=0.45, verge_m=1.6, sidewalk_m=2.4, corner_m=7.5, limit_m_s=50.0 / 3.6,
        )  # fmt: skip
    if road_class == RoadClass.COLLECTOR:
        bike = 1.6 if chance[0] < 0.4 else 0.0
        return Profile(
            road_class=road_class, strip_m=0.0, lanes=1, lane_m=3.3, bike_m=bike,
            parking_m=2.1 if bike == 0.0 and chance[1] < 0.7 else 0.0, gutter_m=0.3, verge_m=1.4,
            sidewalk_m=2.2, corner_m=6.0, limit_m_s=50.0 / 3.6 if chance[2] < 0.6 else 40.0 / 3.6,
        )  # fmt: skip
    return Profile(
        road_class=road_class, strip_m=0.0, lanes=1, lane_m=3.0, bike_m=0.0,
        parking_m=2.1 if chance[0] < 0.75 else 0.0, gutter_m=0.25, verge_m=1.2, sidewalk_m=1.9,
        corner_m=5.0, limit_m_s=30.0 / 3.6 if chance[2] < 0.7 else 40.0 / 3.6,
    )  # fmt: skip
