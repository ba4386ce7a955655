"""What a planner may decide, as a schema, and the checks that its reply must pass.

A language model's reply is foreign data: it is parsed as JSON, held to the schema, clamped to what
the body can do, and refused if it names what was not offered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fleetloop.core.errors import FleetloopError

MAX_WAYPOINTS = 5
MAX_REASON = 120
MAX_REPLY_BYTES = 20_000


class PlanError(FleetloopError, ValueError):
    """A reply of a planner that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the robot is to do next.

    Attributes:
        skill: One of the skills that were offered.
        target: One of the targets that were offered, or empty.
        waypoints_m: Up to five points (x, y) in the robot's frame, nearest first.
        speed_cap_m_s: Upper bound of the speed.
        stop: Whether to come to rest.
        reason: Why, for people.
    """

    skill: str
    target: str = ""
    waypoints_m: tuple[tuple[float, float], ...] = ()
    speed_cap_m_s: float = 0.0
    stop: bool = False
    reason: str = ""


SAFE_STOP = Plan(skill="stop", stop=True, reason="No plan that is fresh and valid.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a body can do, and what was offered.

    Attributes:
        skills: Names that a plan may use.
        targets: Names that a plan may head for.
        reach_m: Way-points further away are moved onto this radius.
        top_speed_m_s: Highest speed cap.
        is_drivable: Says of a point (x, y) in the robot's frame whether the robot may be there;
            None if nobody knows.
    """

    skills: tuple[str, ...]
    targets: tuple[str, ...] = ()
    reach_m: float = 50.0
    top_speed_m_s: float = 15.0
    is_drivable: Callable[[float, float], bool] | None = None


def plan_schema(limits: Limits) -> dict[str, Any]:
    """The JSON schema of a reply, strict: every field is required and none may be added."""
    point = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    properties = {
        "skill": {"type": "string", "enum": [*limits.skills, "stop"]},
        "target": {"type": "string", "enum": [*limits.targets, ""]},
        "waypoints": {"type": "array", "items": point, "maxItems": MAX_WAYPOINTS},
        "speed_cap": {"type": "number", "minimum": 0.0, "maximum": limits.top_speed_m_s},
        "stop": {"type": "boolean"},
        "reason": {"type": "string", "maxLength": MAX_REASON},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse_plan(reply: str, limits: Limits) -> Plan:
    """Reads a reply.

    Numbers that are too large are clamped; a reason that is too long is cut.

    Raises:
        PlanError: No JSON object, a field is missing or of another type, a number is not finite, a
            skill or target was not offered, or a way-point lies where the robot may not be.
    """
    content = _json(reply)
    skill, target = _text(content, "skill"), _text(content, "target")
    if skill != "stop" and skill not in limits.skills:
        raise PlanError(f"The skill {skill!r:.60} was not offered: {', '.join(limits.skills)}.")
    if target and target not in limits.targets:
        raise PlanError(f"The target {target!r:.60} was not offered: {', '.join(limits.targets)}.")
    if not isinstance(content.get("stop"), bool):
        raise PlanError(f"stop is {content.get('stop')!r:.60}: it must be true or false.")
    return Plan(
        skill=skill,
        target=target,
        waypoints_m=_waypoints(content.get("waypoints"), limits),
        speed_cap_m_s=min(max(_number(content.get("speed_cap")), 0.0), limits.top_speed_m_s),
        stop=bool(content["stop"]) or skill == "stop",
        reason=_text(content, "reason")[:MAX_REASON],
    )


def _json(reply: str) -> dict[str, Any]:
    if len(reply) > MAX_REPLY_BYTES:
        raise PlanError(f"The reply is longer than {MAX_REPLY_BYTES} characters.")
    try:
        content = json.loads(reply)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"The reply is no JSON ({error}): {reply!r:.60}") from error
    if not isinstance(content, dict):
        raise PlanError(f"The reply is no JSON object: {reply!r:.60}")
    return content


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise PlanError(f"{name} is {value!r:.60}: it must be a text.")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PlanError(f"{value!r:.60} is no finite number.")
    return float(value)


def _waypoints(value: object, limits: Limits) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or len(value) > MAX_WAYPOINTS:
        raise PlanError(f"waypoints must be a list of up to {MAX_WAYPOINTS} points.")
    return tuple(_waypoint(point, limits) for point in value)


def _waypoint(point: object, limits: Limits) -> tuple[float, float]:
    if not isinstance(point, list) or len(point) != 2:
        raise PlanError(f"The way-point {point!r:.60} is no pair of numbers.")
    x, y = _number(point[0]), _number(point[1])
    far = math.hypot(x, y)
    if far > limits.reach_m:
        x, y = x * limits.reach_m / far, y * limits.reach_m / far
    if limits.is_drivable is not None and not limits.is_drivable(x, y):
        raise PlanError(f"The way-point ({x:.1f}, {y:.1f}) m lies where the robot may not be.")
    return x, y


def nearest_by_sector(
    points_m: Sequence[Sequence[float]], classes: Sequence[str], sectors: int = 12
) -> list[dict[str, Any]]:
    """The nearest thing in each direction, as a planner reads it.

    Args:
        points_m: Points (x, y, ...) in the robot's frame.
        classes: What each point is on, by name.
        sectors: Directions; the first is centred ahead, the others follow to the left.

    Returns:
        One entry for each sector in which there is a point: `bearing_deg`, `range_m`, `class`.
    """
    width = 2.0 * math.pi / sectors
    nearest: dict[int, tuple[float, str]] = {}
    for point, name in zip(points_m, classes, strict=True):
        far = math.hypot(point[0], point[1])
        sector = int((math.atan2(point[1], point[0]) + 0.5 * width) // width) % sectors
        if sector not in nearest or far < nearest[sector][0]:
            nearest[sector] = (far, name)
    return [
        {"bearing_deg": round(math.degrees(k * width)), "range_m": round(far, 1), "class": name}
        for k, (far, name) in sorted(nearest.items())
    ]
