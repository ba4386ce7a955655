"""Turns of links, from the headings of their lanes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fleetloop.envs.maps.drafts import LaneDraft, LinkDraft
from fleetloop.envs.maps.kinds import Turn
from fleetloop.envs.maps.polyline import wrap

STRAIGHT_RAD = np.deg2rad(30.0)
U_TURN_RAD = np.deg2rad(150.0)


def turn_of(link: LinkDraft, lanes: Sequence[LaneDraft]) -> Turn:
    """The turn that a link makes; the source's own if it gave one."""
    if link.turn >= 0:
        return Turn(link.turn)
    if link.connector >= 0:
        # The connector's heading is continuous: it tells a left half turn from a right one.
        along = lanes[link.connector].curve.heading_rad
        turned = float(along[-1] - along[0])
    else:
        start = float(lanes[link.from_lane].curve.heading_rad[-1])
        turned = float(wrap(float(lanes[link.to_lane].curve.heading_rad[0]) - start))
    if abs(turned) < STRAIGHT_RAD:
        return Turn.STRAIGHT
    if abs(turned) > U_TURN_RAD:
        return Turn.U_TURN
    return Turn.LEFT if turned > 0.0 else Turn.RIGHT
