"""Lights, stop lines and signs of built junctions."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.drafts import Phase
from fleetloop.envs.maps.kinds import Control, JunctionKind, SignalState, SignCode
from fleetloop.envs.maps.osm.build import Built
from fleetloop.envs.maps.osm.control import Ruling
from fleetloop.envs.maps.osm.legs import Site
from fleetloop.envs.maps.polyline import offset
from fleetloop.envs.maps.signal_plan import ALL_RED_S, AMBER_S, WALK_SPEED_M_S, plan_signal

_GREEN_S = 25.0
_WALK_S = 7.0
_SIGN_M = 2.2
_SIGNS = {
    Control.STOP: SignCode.STOP, Control.ALL_WAY_STOP: SignCode.STOP, Control.YIELD: SignCode.YIELD,
}  # fmt: skip


def add_control(
    builder: NetworkBuilder, built: Built, site: Site, ruling: Ruling, junction: int
) -> None:
    """Adds the light, the lines where vehicles wait, and the signs of a junction."""
    if ruling.kind == JunctionKind.SIGNAL:
        _add_light(builder, site, junction)
    used = {link.from_lane for link in builder.drafts.links if link.junction == junction}
    for leg, control in zip(site.legs, ruling.controls, strict=True):
        lanes = [row for row in built.into[leg.edge, leg.end] if row in used]
        if control == Control.FREE or not lanes:
            continue
        for row in lanes:
            builder.add_stop_line(row, control=control)
        if control in _SIGNS:
            _add_sign(builder, lanes, _SIGNS[control])


def _add_light(builder: NetworkBuilder, site: Site, junction: int) -> None:
    drafts = builder.drafts
    if not any(link.junction == junction and link.connector >= 0 for link in drafts.links):
        drafts.junctions[junction].kind = int(JunctionKind.PLAIN)
        return
    # Neighbours need not turn green together; the place of the junction spreads them.
    east, north = drafts.junctions[junction].center_m[:2]
    offset_s = float(round((0.037 * east + 0.053 * north) % 60.0, 1))
    signal = plan_signal(builder, junction, offset_s=offset_s)
    if len(site.legs) > 2 or site.inner:
        return
    links = sum(link.junction == junction for link in drafts.links)
    crossings = [entry for entry in drafts.crossings if entry.junction == junction]
    longest = max((drafts.lanes[c.lane].curve.length_m for c in crossings), default=8.0)
    drafts.signals[signal].phases = walk_phases(links, len(crossings), longest)


def walk_phases(links: int, crossings: int, longest_m: float) -> list[Phase]:
    """Phases of a light on a street that stops all vehicles for those who cross."""
    green, amber, red = SignalState.GREEN, SignalState.AMBER, SignalState.RED

    def phase(duration_s: float, drive: SignalState, walk: SignalState) -> Phase:
        return Phase(duration_s=duration_s, states=(drive,) * links + (walk,) * crossings)

    return [
        phase(_GREEN_S, green, red),
        phase(AMBER_S, amber, red),
        phase(ALL_RED_S, red, red),
        phase(_WALK_S, red, green),
        phase(max(longest_m / WALK_SPEED_M_S, 3.0), red, amber),
        phase(ALL_RED_S, red, red),
    ]


def _add_sign(builder: NetworkBuilder, lanes: list[int], code: SignCode) -> None:
    """Beside the line, on the side that traffic keeps to, facing those who come."""
    drafts = builder.drafts
    draft = drafts.lanes[lanes[0] if drafts.left_hand else lanes[-1]]
    heading = float(draft.curve.heading_rad[-1])
    half = float((draft.width_left_m if drafts.left_hand else draft.width_right_m)[-1])
    side = (half + 0.9) * (1.0 if drafts.left_hand else -1.0)
    place = offset(draft.curve.xyz_m[-1:], np.array([heading]), side)[0]
    builder.add_sign(code, [place[0], place[1], place[2] + _SIGN_M], heading + np.pi,
                     lane=lanes[-1])  # fmt: skip
