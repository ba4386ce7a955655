"""People on foot: along sidewalks and over crossings, around each other, never through a vehicle.

Each person wants to walk towards a point a little ahead on its way and is pushed by those who are
near: the social force of Helbing and Molnár, as measured by Moussaïd et al. 2009, "Experimental
study of the behavioural mechanisms underlying self-organization in human crowds", Proc. R. Soc. B
276: relaxation 0.54 s, wished speed 1.29 ± 0.19 m/s, A = 4.5, γ = 0.35, n = 2, n' = 3, λ = 2.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.traffic.arrays import Roadway
from fleetloop.envs.traffic.blocks import BODY, Blocks, block_lanes
from fleetloop.envs.traffic.crossing import (
    keep_crossing_free,
    may_cross,
    note_arrivals,
    road_is_free,
)
from fleetloop.envs.traffic.draws import uniform
from fleetloop.envs.traffic.walk_tables import Walkway

Table = npt.NDArray[Any]

WALKER = np.dtype(
    [
        ("edge", np.int32),
        ("next_edge", np.int32),
        ("cut", np.int32),  # the short cut that it waits for or walks on, -1
        ("forward", np.bool_),  # along its edge, from node a to node b
        ("on_cut", np.bool_),
        ("may_start", np.bool_),  # onto the crossing that comes next
        ("hasty", np.bool_),  # takes short cuts
        ("s_m", np.float64),  # covered of its edge
        ("side_m", np.float64),  # to the right of the middle of its way
        ("x_m", np.float64),
        ("y_m", np.float64),
        ("z_m", np.float64),
        ("vx_m_s", np.float64),
        ("vy_m_s", np.float64),
        ("heading_rad", np.float64),
        ("wish_m_s", np.float64),
        ("height_m", np.float64),
        ("phase_rad", np.float64),  # of its steps: 2 pi for one with each leg
        ("waited_s", np.float64),
        ("style", np.int32),
        ("count", np.uint64),  # random numbers drawn so far
    ],
    align=True,
)
"""One person; copying the array is a snapshot."""

RELAX_S = 0.54
PUSH_M_S2, SPREAD, NARROW, WIDE, LEAD = 4.5, 0.35, 2.0, 3.0, 2.0
BODY_M = 0.25
"""Half the width of a person with its clothes."""

VEHICLE_GAP_M = 0.25
STRIDE_M = 1.4
"""Two steps of a person of 1.75 m at a comfortable speed (0.41 of the height each)."""

_AHEAD_M = 1.2
_NEAR_M = 4.0
_FASTEST = 1.3
_LOST_M = 3.0
_ARRIVED_M = 0.4
_END_M = 0.6


@kernel
def step_walkers(
    w: Table,
    poses: npt.NDArray[np.float64],
    v: Table,
    bodies: Table,
    roadway: Roadway,
    walkway: Walkway,
    blocks: Blocks,
    states: npt.NDArray[np.uint8],
    seed: np.uint64,
    dt_s: float,
) -> None:
    """Advances all people.

    Args:
        w: (n,) WALKER, changed in place.
        poses: (vehicles, 4) x, y, z, heading.
        v: Vehicles.
        bodies: External vehicles.
        roadway, walkway: The network.
        blocks: What external vehicles block of lanes.
        states: What signals show.
        seed: Of the ways that are chosen.
        dt_s: Length of the step.
    """
    arrival_s = np.empty(len(walkway.crossed))
    unstoppable = np.empty(len(walkway.crossed), np.bool_)
    note_arrivals(v, roadway, walkway, blocks, arrival_s, unstoppable)
    push = np.empty((len(w), 2))
    goal = np.empty(4)
    for i in range(len(w)):
        _decide(i, w, poses, v, bodies, walkway, states, seed, arrival_s, unstoppable, roadway)
        _goal(i, w, walkway, roadway, goal)
        _push(i, w, goal, push)
    here = np.empty(4)
    for i in range(len(w)):
        place_on_edge(w[i].edge, w[i].forward, w[i].s_m, walkway, roadway, here)
        _move(i, w, push, here, walkway, poses, v, bodies, dt_s)
        _advance(i, w, here, walkway, seed)


@kernel
def block_for_walkers(w: Table, roadway: Roadway, walkway: Walkway, blocks: Blocks) -> None:
    """Adds what people on the road block of lanes, and what they will need soon."""
    body = np.zeros(1, BODY)
    for i in range(len(w)):
        edge, forward, s = w[i].edge, w[i].forward, w[i].s_m
        if walkway.edges[edge].crossing < 0 and w[i].may_start:
            # Who has been let onto a crossing is as good as there.
            following = w[i].next_edge
            if walkway.edges[following].crossing >= 0:
                s -= walkway.edges[edge].length_m
                forward = walkway.edges[following].node_a == _end_node(i, w, walkway)
                edge = following
        crossing = walkway.edges[edge].crossing
        if crossing < 0 and not w[i].on_cut:
            continue
        speed = np.hypot(w[i].vx_m_s, w[i].vy_m_s)
        body[0].x_m, body[0].y_m, body[0].z_m = w[i].x_m, w[i].y_m, w[i].z_m
        body[0].heading_rad, body[0].speed_m_s = w[i].heading_rad, speed
        body[0].length_m = body[0].width_m = 2.0 * BODY_M
        begin = blocks.used[0]
        block_lanes(0, body, roadway, blocks)
        for row in range(begin, min(blocks.used[0], len(blocks.rows))):
            blocks.rows[row].body = -1
        if w[i].on_cut:
            body[0].length_m += 1.5 * speed
            body[0].x_m += 0.75 * speed * np.cos(w[i].heading_rad)
            body[0].y_m += 0.75 * speed * np.sin(w[i].heading_rad)
            begin = blocks.used[0]
            block_lanes(0, body, roadway, blocks)
            for row in range(begin, min(blocks.used[0], len(blocks.rows))):
                blocks.rows[row].body = -1
                blocks.rows[row].soft = True
        else:
            walk_m, start = _walk_of(edge, forward, walkway, roadway)
            wish = w[i].wish_m_s
            keep_crossing_free(crossing, forward, start + s, walk_m, wish, walkway, blocks)


@inline
def _walk_of(edge, forward, walkway, roadway):
    """Length of a crossing, and where somebody begins it who comes onto an edge of it."""
    walk_m = roadway.lanes[walkway.edges[edge].lane].length_m
    if forward:
        return walk_m, walkway.edges[edge].s_a_m
    return walk_m, walk_m - walkway.edges[edge].s_a_m - walkway.edges[edge].length_m


@inline
def _decide(i, w, poses, v, bodies, walkway, states, seed, arrival_s, unstoppable, roadway):
    """Lets somebody onto the crossing ahead or over the road, if it is time."""
    if w[i].on_cut:
        return
    if w[i].cut >= 0:
        cut = walkway.cuts[w[i].cut]
        wish = w[i].wish_m_s
        if road_is_free(w[i].x_m, w[i].y_m, cut.x_m, cut.y_m, wish, poses, v, bodies):
            w[i].on_cut = True
        elif w[i].waited_s > 20.0:
            w[i].cut = -1
        return
    following = w[i].next_edge
    crossing = walkway.edges[following].crossing
    if crossing < 0 or walkway.edges[w[i].edge].crossing >= 0:
        w[i].may_start = True
        return
    left_m = walkway.edges[w[i].edge].length_m - w[i].s_m
    if w[i].may_start or left_m > 1.5:
        return
    forward = walkway.edges[following].node_a == _end_node(i, w, walkway)
    walk_m, _ = _walk_of(following, forward, walkway, roadway)
    w[i].may_start = may_cross(
        crossing, forward, walk_m, w[i].wish_m_s, w[i].waited_s, walkway, states,
        arrival_s, unstoppable,
    )  # fmt: skip


@inline
def _end_node(i, w, walkway):
    edge = walkway.edges[w[i].edge]
    return edge.node_b if w[i].forward else edge.node_a


@inline
def place_on_edge(edge, forward, s_m, walkway, roadway, out):
    """x, y, z and direction of travel at a distance along an edge, into `out`."""
    a, b = walkway.edges[edge].node_a, walkway.edges[edge].node_b
    length = walkway.edges[edge].length_m
    lane = walkway.edges[edge].lane
    s = min(max(s_m, 0.0), length)
    along = s if forward else length - s
    if lane < 0:
        share = along / length if length > 1e-6 else 0.0
        for k in range(3):
            out[k] = walkway.node_m[a, k] + share * (walkway.node_m[b, k] - walkway.node_m[a, k])
        out[3] = np.arctan2(
            walkway.node_m[b, 1] - walkway.node_m[a, 1], walkway.node_m[b, 0] - walkway.node_m[a, 0]
        )
    else:
        first, last = roadway.lanes[lane].first_point, roadway.lanes[lane].last_point - 1
        share = (walkway.edges[edge].s_a_m + along) / roadway.lanes[lane].length_m * (last - first)
        low = min(max(int(share), 0), last - first - 1)
        part = share - low
        for k in range(3):
            p, q = roadway.xyz_m[first + low, k], roadway.xyz_m[first + low + 1, k]
            out[k] = p + part * (q - p)
        out[3] = np.arctan2(
            roadway.xyz_m[first + low + 1, 1] - roadway.xyz_m[first + low, 1],
            roadway.xyz_m[first + low + 1, 0] - roadway.xyz_m[first + low, 0],
        )
    if not forward:
        out[3] += np.pi


@inline
def _goal(i, w, walkway, roadway, goal):
    """X and y to walk to, and the speed to do it with, into `goal`."""
    if w[i].cut >= 0:
        cut = walkway.cuts[w[i].cut]
        goal[0], goal[1] = cut.x_m, cut.y_m
        goal[2] = _FASTEST * w[i].wish_m_s if w[i].on_cut else 0.0
        return
    edge, forward = w[i].edge, w[i].forward
    s = w[i].s_m + _AHEAD_M
    left_m = walkway.edges[edge].length_m - w[i].s_m
    speed = w[i].wish_m_s
    for _ in range(3):
        if s <= walkway.edges[edge].length_m or edge == w[i].next_edge:
            break
        if not w[i].may_start:
            speed = min(speed, max(left_m - 0.2, 0.0))
            break
        s -= walkway.edges[edge].length_m
        edge = w[i].next_edge
        forward = walkway.edges[edge].node_a == _end_node(i, w, walkway)
    place_on_edge(edge, forward, s, walkway, roadway, goal)
    half = walkway.edges[edge].half_m - 0.4
    side = max(min(w[i].side_m, half), -half) if walkway.edges[edge].lane >= 0 else 0.0
    goal[0] += side * np.sin(goal[3])
    goal[1] -= side * np.cos(goal[3])
    goal[2] = speed


@inline
def _push(i, w, goal, push):
    """Acceleration towards the goal, and away from others."""
    dx, dy = goal[0] - w[i].x_m, goal[1] - w[i].y_m
    away = max(np.hypot(dx, dy), 1e-6)
    ax = (goal[2] * dx / away - w[i].vx_m_s) / RELAX_S
    ay = (goal[2] * dy / away - w[i].vy_m_s) / RELAX_S
    for j in range(len(w)):
        if j == i:
            continue
        ex, ey = w[j].x_m - w[i].x_m, w[j].y_m - w[i].y_m
        squared = ex * ex + ey * ey
        if squared > _NEAR_M * _NEAR_M or squared < 1e-9 or abs(w[j].z_m - w[i].z_m) > 2.0:
            continue
        distance = np.sqrt(squared)
        ex, ey = ex / distance, ey / distance
        # The direction in which they would meet.
        tx = LEAD * (w[i].vx_m_s - w[j].vx_m_s) + ex
        ty = LEAD * (w[i].vy_m_s - w[j].vy_m_s) + ey
        size = max(np.hypot(tx, ty), 1e-6)
        tx, ty = tx / size, ty / size
        angle = np.arctan2(tx * ey - ty * ex, tx * ex + ty * ey)
        reach = SPREAD * size
        strength = PUSH_M_S2 * np.exp(-max(distance - 2.0 * BODY_M, 0.0) / reach)
        slow = strength * np.exp(-((WIDE * reach * angle) ** 2))
        aside = strength * np.exp(-((NARROW * reach * angle) ** 2))
        # Those in front to the left are passed on the right, and the other way round.
        turn = 1.0 if angle >= 0.0 else -1.0
        ax += -slow * tx + aside * turn * ty
        ay += -slow * ty - aside * turn * tx
    push[i, 0], push[i, 1] = ax, ay


@inline
def _move(i, w, push, here, walkway, poses, v, bodies, dt):
    vx, vy = w[i].vx_m_s + dt * push[i, 0], w[i].vy_m_s + dt * push[i, 1]
    speed = np.hypot(vx, vy)
    most = _FASTEST * w[i].wish_m_s
    if speed > most:
        vx, vy = vx * most / speed, vy * most / speed
    x, y = w[i].x_m + dt * vx, w[i].y_m + dt * vy
    x, y = _within_borders(i, w, x, y, here, walkway, dt)
    x, y, met = _beside_vehicles(x, y, w[i].z_m, poses, v, bodies)
    if met:
        vx, vy = (x - w[i].x_m) / dt, (y - w[i].y_m) / dt
        speed = np.hypot(vx, vy)
        if speed > most:
            # Nobody is pushed faster than people run.
            vx, vy = vx * most / speed, vy * most / speed
    step = np.hypot(x - w[i].x_m, y - w[i].y_m)
    w[i].x_m, w[i].y_m, w[i].vx_m_s, w[i].vy_m_s = x, y, vx, vy
    w[i].phase_rad = (w[i].phase_rad + 2.0 * np.pi * step / STRIDE_M) % (2.0 * np.pi)
    if step > 0.15 * dt:
        turn = np.arctan2(vy, vx) - w[i].heading_rad
        turn = np.arctan2(np.sin(turn), np.cos(turn))
        w[i].heading_rad += turn * min(6.0 * dt, 1.0)
        w[i].waited_s = 0.0
    else:
        w[i].waited_s += dt


@inline
def _within_borders(i, w, x, y, here, walkway, dt):
    """Moves one back who left the sidewalk or the crossing to the side, or the kerb too early."""
    edge = walkway.edges[w[i].edge]
    if w[i].on_cut:
        return x, y
    cosine, sine = np.cos(here[3]), np.sin(here[3])
    if not w[i].may_start:
        along = (x - here[0]) * cosine + (y - here[1]) * sine
        beyond = w[i].s_m + along - edge.length_m
        if beyond > 0.0:
            x, y = x - beyond * cosine, y - beyond * sine
    inside = _END_M < w[i].s_m < edge.length_m - _END_M
    if edge.crossing < 0 and (edge.lane < 0 or not inside):
        return x, y
    left = (y - here[1]) * cosine - (x - here[0]) * sine
    excess = abs(left) - max(edge.half_m - BODY_M, 0.1)
    if excess <= 0.0:
        return x, y
    step = min(excess, dt) * (1.0 if left > 0.0 else -1.0)
    return x + step * sine, y - step * cosine


@inline
def _beside_vehicles(x, y, z, poses, v, bodies):
    """The nearest place to one that is in no vehicle, and whether it had to move."""
    met = False
    for vehicle in range(len(v)):
        if v[vehicle].lane >= 0 and abs(poses[vehicle, 2] - z) < 2.0:
            dx, dy = x - poses[vehicle, 0], y - poses[vehicle, 1]
            reach = 0.5 * v[vehicle].length_m + 1.6
            if dx * dx + dy * dy < reach * reach:
                half_l, half_w = 0.5 * v[vehicle].length_m, 0.5 * v[vehicle].width_m
                ox, oy = _out_of(dx, dy, poses[vehicle, 3], half_l, half_w)
                met = met or ox != 0.0 or oy != 0.0
                x, y = x + ox, y + oy
    for body in range(len(bodies)):
        if bodies[body].present:
            dx, dy = x - bodies[body].x_m, y - bodies[body].y_m
            half_l, half_w = 0.5 * bodies[body].length_m, 0.5 * bodies[body].width_m
            reach = half_l + 1.6
            if dx * dx + dy * dy < reach * reach:
                ox, oy = _out_of(dx, dy, bodies[body].heading_rad, half_l, half_w)
                met = met or ox != 0.0 or oy != 0.0
                x, y = x + ox, y + oy
    return x, y, met


@inline
def _out_of(dx, dy, heading, half_l, half_w):
    """The shortest way out of a rectangle and the room around it; zeros outside."""
    cosine, sine = np.cos(heading), np.sin(heading)
    along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
    room_l = half_l + BODY_M + VEHICLE_GAP_M - abs(along)
    room_w = half_w + BODY_M + VEHICLE_GAP_M - abs(across)
    if room_l <= 0.0 or room_w <= 0.0:
        return 0.0, 0.0
    if room_l < room_w:
        step = room_l if along >= 0.0 else -room_l
        return step * cosine, step * sine
    step = room_w if across >= 0.0 else -room_w
    return -step * sine, step * cosine


@inline
def _advance(i, w, here, walkway, seed):
    """Keeps account of how far on its way somebody is, and chooses what comes after it."""
    if w[i].on_cut:
        cut = walkway.cuts[w[i].cut]
        if np.hypot(cut.x_m - w[i].x_m, cut.y_m - w[i].y_m) < 0.5:
            w[i].edge, w[i].cut, w[i].on_cut = cut.edge, -1, False
            w[i].forward = uniform(i, w, seed) < 0.5
            length = walkway.edges[cut.edge].length_m
            w[i].s_m = cut.other_s_m if w[i].forward else length - cut.other_s_m
            w[i].next_edge = choose_edge(i, w, walkway, seed)
            w[i].may_start = False
        return
    before = w[i].s_m
    w[i].z_m = here[2]
    along = (w[i].x_m - here[0]) * np.cos(here[3]) + (w[i].y_m - here[1]) * np.sin(here[3])
    w[i].s_m = max(w[i].s_m + along, 0.0)
    for _ in range(4):
        length = walkway.edges[w[i].edge].length_m
        near = np.hypot(w[i].x_m - here[0], w[i].y_m - here[1]) < _LOST_M
        if w[i].s_m < length - _ARRIVED_M or not w[i].may_start or not near:
            break
        forward = walkway.edges[w[i].next_edge].node_a == _end_node(i, w, walkway)
        w[i].s_m = max(w[i].s_m - length, 0.0)
        w[i].edge, w[i].forward = w[i].next_edge, forward
        w[i].next_edge = choose_edge(i, w, walkway, seed)
        w[i].may_start = walkway.edges[w[i].next_edge].crossing < 0
    w[i].s_m = min(w[i].s_m, walkway.edges[w[i].edge].length_m)
    _take_cut(i, w, walkway, seed, before)


@inline
def _take_cut(i, w, walkway, seed, before):
    """Those in a haste sometimes cross where there is no crossing."""
    if not w[i].hasty or w[i].cut >= 0:
        return
    edge = walkway.edges[w[i].edge]
    for cut in range(edge.first_cut, edge.last_cut):
        s = walkway.cuts[cut].s_m
        if not w[i].forward:
            s = edge.length_m - s
        free = walkway.cuts[cut].edge >= 0
        if free and before < s <= w[i].s_m and uniform(i, w, seed) < 0.25:
            w[i].cut = cut
            return


@inline
def choose_edge(i, w, walkway, seed):
    """Draws what follows at the end of an edge: anything but the way back, if there is more."""
    node = _end_node(i, w, walkway)
    count = walkway.first[node + 1] - walkway.first[node]
    if count == 1:
        return w[i].edge
    pick = int(uniform(i, w, seed) * (count - 1))
    for k in range(walkway.first[node], walkway.first[node + 1]):
        if walkway.out[k] == w[i].edge:
            continue
        if pick == 0:
            return walkway.out[k]
        pick -= 1
    return w[i].edge


@kernel
def first_edges(w: Table, roadway: Roadway, walkway: Walkway, seed: np.uint64) -> None:
    """Puts people where their edge and distance say, and draws what follows."""
    out = np.empty(4)
    for i in range(len(w)):
        place_on_edge(w[i].edge, w[i].forward, w[i].s_m, walkway, roadway, out)
        w[i].x_m = out[0] + w[i].side_m * np.sin(out[3])
        w[i].y_m = out[1] - w[i].side_m * np.cos(out[3])
        w[i].z_m, w[i].heading_rad = out[2], out[3]
        w[i].vx_m_s = w[i].wish_m_s * np.cos(out[3])
        w[i].vy_m_s = w[i].wish_m_s * np.sin(out[3])
        w[i].next_edge = choose_edge(i, w, walkway, seed)
        w[i].may_start = walkway.edges[w[i].next_edge].crossing < 0
