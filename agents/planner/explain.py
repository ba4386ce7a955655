"""Answers about the scene and the last actions: by a model if one is set, else by the brain.

The offline answers are sentences filled with numbers that the brain gave while it acted; they say
what the brain held likely, not what was true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleetloop.agents.planner.host import Host, Question

RULES = (
    "You answer a question about what a robot saw and did, from the notes that it kept. Say only "
    "what the notes say, in two sentences at most. If they do not say it, say that you do not know."
)
_BRAKING_M_S2 = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a brain held likely at one step.

    Attributes:
        t_s: When, simulated time.
        speed_m_s: Its speed.
        acceleration_m_s2: What it asked for, forward.
        seen: Share or likelihood of each class that it recognised, 0 to 1.
        nearest_m: Distance to the nearest thing ahead, as it estimated it; None if it does not.
        risks: Likelihood of what may happen soon, such as `collide` or `fall`, 0 to 1.
        goal: What it was asked to do.
        distance_to_go_m: How far it had to go; None if unknown.
    """

    t_s: float
    speed_m_s: float = 0.0
    acceleration_m_s2: float = 0.0
    seen: Mapping[str, float] = field(default_factory=dict)
    nearest_m: float | None = None
    risks: Mapping[str, float] = field(default_factory=dict)
    goal: str = ""
    distance_to_go_m: float | None = None

    def text(self) -> str:
        """One line for a model."""
        seen = ", ".join(f"{name} {share:.2f}" for name, share in sorted(self.seen.items()))
        risks = ", ".join(f"{name} {share:.2f}" for name, share in sorted(self.risks.items()))
        return (
            f"t={self.t_s:.1f} s, speed {self.speed_m_s:.1f} m/s, acceleration "
            f"{self.acceleration_m_s2:.1f} m/s2, nearest ahead {_metres(self.nearest_m)}, "
            f"saw: {seen or 'nothing'}; risks: {risks or 'none'}; goal: {self.goal or 'none'}, "
            f"{_metres(self.distance_to_go_m)} to go"
        )


def answer(question: str, notes: Sequence[Note], host: Host | None = None) -> str:
    """Answers a question about the last steps.

    Args:
        question: In words; without a host in English.
        notes: Oldest first; the last few dozen are enough.
        host: Who answers; None for the offline answers.

    Raises:
        HostError: The host gave no reply.
    """
    if not notes:
        return "I have done nothing yet."
    if host is not None:
        lines = "\n".join(note.text() for note in notes[-30:])
        return host.ask(Question(rules=RULES, text=f"Notes:\n{lines}\n\nQuestion: {question}"))
    for pattern, reply in _REPLIES:
        if re.search(pattern, question, re.IGNORECASE):
            return reply(notes)
    return (
        "Without a language model I can say what I see, why I braked or stopped, where I go and "
        "how fast I am."
    )


def _why_slow(notes: Sequence[Note]) -> str:
    braking = [note for note in notes if note.acceleration_m_s2 <= _BRAKING_M_S2]
    if not braking:
        return "I have not braked lately."
    note = braking[-1]
    reasons = []
    if note.nearest_m is not None and note.nearest_m < 30.0:
        reasons.append(f"I saw something {note.nearest_m:.0f} m ahead")
    reasons += [
        f"I held it {100 * share:.0f} % likely that I would {name.replace('_', ' ')}"
        for name, share in sorted(note.risks.items(), key=lambda item: -item[1])
        if share >= 0.2
    ]
    if note.distance_to_go_m is not None and note.distance_to_go_m < 15.0:
        reasons.append(f"I had only {note.distance_to_go_m:.0f} m to go")
    because = " and ".join(reasons[:2]) or "my policy asked for it; none of my estimates says why"
    return f"I braked at {note.t_s:.1f} s, at {note.speed_m_s:.1f} m/s: {because}."


def _what_seen(notes: Sequence[Note]) -> str:
    seen = sorted(notes[-1].seen.items(), key=lambda item: -item[1])
    names = [
        f"{name.replace('_', ' ')} ({100 * share:.0f} %)" for name, share in seen if share >= 0.1
    ]
    ahead = notes[-1].nearest_m
    near = f" The nearest thing ahead is {ahead:.0f} m away." if ahead is not None else ""
    return f"I see {', '.join(names) or 'nothing that I recognise'}.{near}"


def _where(notes: Sequence[Note]) -> str:
    note = notes[-1]
    goal = f"I am on my way to {note.goal}" if note.goal else "I have no goal"
    return f"{goal}, {_metres(note.distance_to_go_m)} to go."


def _how_fast(notes: Sequence[Note]) -> str:
    return f"I move at {notes[-1].speed_m_s:.1f} m/s ({3.6 * notes[-1].speed_m_s:.0f} km/h)."


def _metres(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} m"


_REPLIES = (
    (r"why.*\b(brak|stop|slow|halt|wait)", _why_slow),
    (r"\b(see|seen|saw|look|in front|ahead|around)\b", _what_seen),
    (r"\b(fast|speed|quick)\b", _how_fast),
    (r"\b(where|goal|destination|far|arrive)\b", _where),
)
