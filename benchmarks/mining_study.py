"""How many labels mining saves: triggered against random choice, where what matters is rare.

    python benchmarks/mining_study.py --seeds 10 --out runs/mining

A car follows another along a street. Three things happen rarely: the one ahead brakes hard, another
car cuts in, a person steps onto the road. A brain that was cloned from calm drives alone drives a
pool of episodes; labels for some of its frames are bought, by triggers or at random, and a new
brain is trained. The test has calm drives and each of the three kinds in equal parts.

Choosing is the loop's own (`loop/triggers`, `loop/campaign/mine`); the street is one-dimensional
arithmetic over all episodes at once, so that many seeds take a minute or two.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fleetloop.agents.lessons import ANSWERS
from fleetloop.core.rng import child_generator, child_seed
from fleetloop.core.types import Outcome
from fleetloop.loop.campaign.config import ClipConfig
from fleetloop.loop.campaign.mine import Clip, Episode, random_clips, triggered_clips
from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.triggers import TRIGGERS
from fleetloop.loop.triggers.base import hits

Floats = npt.NDArray[np.float64]
Act = Callable[[Floats], Floats]
"""What is seen (n, SEEN) to the pedal (n,), -1 to 1."""

KINDS = ("calm", "brakes", "cuts in", "person")
SEEN = 7
DT_S, STEPS = 0.2, 120
LIMIT_M_S = 13.9
ACCEL_M_S2, BRAKE_M_S2 = 3.0, 8.0
"""Of a full pedal, either way."""

BUDGETS = (25, 50, 100, 200, 400, 800, 1600, 3200, 6400)
WANTED = 0.85
UNAIDED = ("before_failure", "hard_braking", "near_miss")
FEATURES, RIDGE = 200, 0.02

_FAR_M = 80.0

ARMS = {
    "triggered": ("expert_disagreement", *UNAIDED),
    "unaided": UNAIDED,
    "random": (),
}
"""Triggers by arm. `unaided` does without the expert that runs beside the brain: on a real street
nobody knows what it would do before a label was paid for."""

COLORS = ("#0b6e4f", "#2f6db5", "#b3541e")


@dataclass(slots=True)
class Street:
    """Episodes side by side; every array has one number for each of n.

    Attributes:
        kind: Place in `KINDS`.
        begin_s: When the rare thing begins.
        speed_m_s: Of the car.
        gap_m, lead_m_s: Distance to the one ahead, and its speed.
        calm_m_s: Speed that the one ahead likes.
        person_m: Distance along the road to the person; `_FAR_M` where there is none.
    """

    kind: npt.NDArray[np.int64]
    begin_s: Floats
    speed_m_s: Floats
    gap_m: Floats
    lead_m_s: Floats
    calm_m_s: Floats
    person_m: Floats

    @classmethod
    def drawn(cls, kind: npt.NDArray[np.int64], rng: np.random.Generator) -> Street:
        """Begins episodes of these kinds."""
        n = len(kind)
        calm = rng.uniform(7.0, 13.0, n)
        speed = calm + rng.uniform(-1.0, 1.0, n)
        return cls(
            kind=kind, begin_s=rng.uniform(6.0, 16.0, n), speed_m_s=speed,
            gap_m=rng.uniform(18.0, 35.0, n), lead_m_s=calm.copy(), calm_m_s=calm,
            person_m=np.full(n, _FAR_M),
        )  # fmt: skip

    def seen(self, rng: np.random.Generator) -> Floats:
        """What the car senses, (n, SEEN): noisy, each number about as large as one."""
        n = len(self.kind)
        gap = np.minimum(self.gap_m, _FAR_M) * (1.0 + 0.02 * rng.normal(size=n))
        closing = self.speed_m_s - self.lead_m_s + 0.2 * rng.normal(size=n)
        person = self.person_m * (1.0 + 0.02 * rng.normal(size=n))
        there = self.person_m < _FAR_M
        return np.stack(
            [self.speed_m_s / 10.0, gap / 30.0, 1.0 / (1.0 + np.maximum(gap, 0.0) / 5.0),
             closing / 5.0, there.astype(float), np.where(there, person / 30.0, 0.0),
             np.where(there, 1.0 / (1.0 + np.maximum(person, 0.0) / 5.0), 0.0)],
            axis=1,
        )  # fmt: skip

    def expert(self) -> Floats:
        """The pedal of the Intelligent Driver Model, and for a person to stop at [Treiber 2000]."""
        accel = _driver_model(self.speed_m_s, self.gap_m, self.lead_m_s)
        there = self.person_m < _FAR_M
        stop = _driver_model(self.speed_m_s, np.maximum(self.person_m, 0.1), np.zeros(len(there)))
        accel = np.where(there, np.minimum(accel, stop), accel)
        return np.clip(np.where(accel > 0, accel / ACCEL_M_S2, accel / BRAKE_M_S2), -1.0, 1.0)

    def step(self, pedal: Floats, t_s: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Moves everything on by `DT_S`; tells who has hit something."""
        begins = (t_s >= self.begin_s) & (t_s < self.begin_s + DT_S)
        after = t_s - self.begin_s
        brakes = (self.kind == 1) & (after >= 0.0) & (after < 3.0)
        back = 0.5 * (self.calm_m_s - self.lead_m_s) + 0.3 * rng.normal(size=len(after))
        lead_accel = np.where(brakes, -7.0, np.clip(back, -1.5, 1.5))
        cut_m = rng.uniform(7.0, 11.0, len(after))
        cuts = (self.kind == 2) & begins
        self.gap_m = np.where(cuts, np.minimum(self.gap_m, cut_m), self.gap_m)
        self.lead_m_s = np.where(cuts, np.maximum(self.speed_m_s - 4.0, 2.0), self.lead_m_s)
        steps_out = (self.kind == 3) & begins
        away_m = 4.0 + self.speed_m_s**2 / (2.0 * 5.0)
        self.person_m = np.where(steps_out, away_m, self.person_m)
        gone = (self.kind == 3) & (after > 6.0)
        accel = np.where(pedal > 0, pedal * ACCEL_M_S2, pedal * BRAKE_M_S2)
        before = self.speed_m_s
        self.speed_m_s = np.maximum(before + accel * DT_S, 0.0)
        lead_before = self.lead_m_s
        self.lead_m_s = np.maximum(lead_before + lead_accel * DT_S, 0.0)
        moved = 0.5 * (before + self.speed_m_s) * DT_S
        self.gap_m = self.gap_m + 0.5 * (lead_before + self.lead_m_s) * DT_S - moved
        self.person_m = np.where(self.person_m < _FAR_M, self.person_m - moved, _FAR_M)
        hit = (self.gap_m < 0.0) | (self.person_m < 0.0)
        self.person_m = np.where(gone & ~hit, _FAR_M, self.person_m)
        return np.asarray(hit)


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """What n episodes of t steps were.

    Attributes:
        seen: (n, t, SEEN).
        wanted, done: Pedal of the expert and of who drove, (n, t).
        speed_m_s, near_s: Speed, and time to collision, (n, t).
        length: Steps until it ended, (n,).
        success: (n,).
    """

    seen: Floats
    wanted: Floats
    done: Floats
    speed_m_s: Floats
    near_s: Floats
    length: npt.NDArray[np.int64]
    success: npt.NDArray[np.bool_]


def drive(kind: npt.NDArray[np.int64], act: Act | None, seed: int) -> Drive:
    """Drives episodes of these kinds, by the expert without a policy.

    An episode fails with a collision, or if the car stands at its end: it has to drive on.
    """
    rng = child_generator(seed, "street")
    street = Street.drawn(kind, rng)
    n = len(kind)
    rows = np.zeros((n, STEPS, SEEN))
    told = np.zeros((4, n, STEPS))
    length = np.full(n, STEPS)
    over = np.zeros(n, np.bool_)
    for step in range(STEPS):
        rows[:, step] = street.seen(rng)
        wanted = street.expert()
        done = wanted if act is None else np.clip(act(rows[:, step]), -1.0, 1.0)
        room = np.minimum(street.gap_m, street.person_m)
        closing = np.where(street.person_m < street.gap_m, street.speed_m_s,
                           street.speed_m_s - street.lead_m_s)  # fmt: skip
        near = np.where(closing > 0.1, np.maximum(room, 0.0) / np.maximum(closing, 0.1), np.inf)
        told[:, :, step] = wanted, done, street.speed_m_s, near
        hit = street.step(done, step * DT_S, rng)
        length = np.where(hit & ~over, step + 1, length)
        over |= hit
    success = ~over & (street.speed_m_s > 2.0)
    return Drive(rows, told[0], told[1], told[2], told[3], length, success)


def learnt(seen: Floats, wanted: Floats, seed: int) -> Act:
    """A brain that needs no gradients: ridge regression on random features of what is seen.

    Rahimi and Recht 2008, "Random features for large-scale kernel machines".
    """
    rng = child_generator(seed, "features")
    turn = rng.normal(size=(SEEN, FEATURES)) * rng.uniform(0.3, 2.0, FEATURES)
    shift = rng.uniform(-1.5, 1.5, FEATURES)

    def features(rows: Floats) -> Floats:
        return np.hstack([np.tanh(rows @ turn + shift), rows, np.ones((len(rows), 1))])

    x = features(seen)
    ridge = RIDGE * np.eye(x.shape[1])
    weights = np.linalg.solve(x.T @ x + ridge, x.T @ wanted)
    return lambda rows: np.asarray(features(rows) @ weights)


def episodes_of(pool: Drive, triggers: Sequence[str]) -> list[Episode]:
    """The pool as mining sees it: hits of these triggers, and an embedding of each row."""
    found = []
    for n in range(len(pool.length)):
        stop = int(pool.length[n])
        rows = slice(0, stop)
        t_s = DT_S * np.arange(stop)
        signals = Signals(
            task="street", robot="car", t_s=t_s, done=pool.done[n, rows, None],
            acted=np.ones(stop, np.bool_), expert=pool.wanted[n, rows, None], brain=None,
            previous=None, spread=None, answer=None, label=np.zeros((stop, ANSWERS)),
            known=np.zeros((stop, ANSWERS), np.bool_), events=[()] * stop,
            truth={"speed_m_s": pool.speed_m_s[n, rows]}, near=pool.near_s[n, rows],
            outcome=Outcome(steps=stop, duration_s=stop * DT_S, total_reward=0.0,
                            success=bool(pool.success[n]), cause="", digest=""),
        )  # fmt: skip
        told = [
            (hit.trigger, hit.row, hit.score)
            for name in triggers
            for hit in hits(name, TRIGGERS.get(name), signals, TRIGGERS.get(name).threshold, 1.0)
        ]
        look = np.concatenate([pool.seen[n, rows], pool.wanted[n, rows, None]], axis=1)
        look /= np.maximum(np.linalg.norm(look, axis=1, keepdims=True), 1e-6)
        found.append(Episode(name=f"e{n:05d}", task="street", t_s=t_s, hits=told,
                             look=look.astype(np.float32)))  # fmt: skip
    return found


def bought(pool: Drive, clips: Sequence[Clip]) -> tuple[Floats, Floats]:
    """Rows and labels of clips."""
    parts = [(int(clip.episode[1:]), clip.first, clip.stop) for clip in clips]
    seen = np.concatenate([pool.seen[n, a:b] for n, a, b in parts])
    return seen, np.concatenate([pool.wanted[n, a:b] for n, a, b in parts])


def one_seed(seed: int, rare: float, pool_size: int, cases: int) -> dict[str, list[float]]:
    """Success by arm after each purchase; `start` and `expert` beside it.

    Each purchase is a round of the loop: the last brain drives new episodes, of which frames are
    chosen and labelled, until as many are bought as `BUDGETS` says.
    """
    calm = drive(np.zeros(12, np.int64), None, child_seed(seed, "first"))
    base = calm.seen.reshape(-1, SEEN), calm.wanted.reshape(-1)
    start = learnt(*base, seed)
    test = np.repeat(np.arange(len(KINDS)), cases)

    def success(act: Act | None) -> float:
        return float(drive(test, act, child_seed(seed, "test")).success.mean())

    result = {"start": [success(start)], "expert": [success(None)]}
    for arm in ARMS:
        seen, wanted = base
        brain, before = start, 0
        result[arm] = []
        for number, budget in enumerate(BUDGETS):
            rng = child_generator(seed, "kinds", number)
            kinds = np.where(rng.random(pool_size) < rare,
                             rng.integers(1, len(KINDS), pool_size), 0)  # fmt: skip
            pool = drive(kinds, brain, child_seed(seed, "pool", number))
            draw = child_generator(seed, "choice", arm, number)
            clips = chosen(arm, pool, budget - before, draw)
            rows, labels = bought(pool, clips)
            seen, wanted = np.concatenate([seen, rows]), np.concatenate([wanted, labels])
            before = budget
            brain = learnt(seen, wanted, seed)
            result[arm].append(success(brain))
    return result


def chosen(arm: str, pool: Drive, frames: int, rng: np.random.Generator) -> list[Clip]:
    """Clips of a pool for so many labels."""
    config = ClipConfig()
    episodes = episodes_of(pool, ARMS[arm])
    if arm == "random":
        return random_clips(episodes, config, frames, rng, "random")
    return triggered_clips(episodes, config, frames, rng)


def needed(success: Sequence[float]) -> float:
    """Labels at which success first reaches `WANTED`, between budgets along their logarithm.

    Infinity if it never does.
    """
    for number, value in enumerate(success):
        if value < WANTED:
            continue
        if number == 0:
            return float(BUDGETS[0])
        low, high = math.log(BUDGETS[number - 1]), math.log(BUDGETS[number])
        before = success[number - 1]
        return math.exp(low + (high - low) * (WANTED - before) / (value - before))
    return math.inf


def table(found: Sequence[Mapping[str, Sequence[float]]]) -> list[str]:
    """Markdown: success by budget, then the labels that each seed needed."""
    lines = [f"| labels | {' | '.join(ARMS)} |", "|---" * (len(ARMS) + 1) + "|"]
    for column, budget in enumerate(BUDGETS):
        cells = []
        for arm in ARMS:
            values = [one[arm][column] for one in found]
            cells.append(f"{np.mean(values):.0%} ({min(values):.0%} to {max(values):.0%})")
        lines.append(f"| {budget} | {' | '.join(cells)} |")
    counts = {arm: [needed(one[arm]) for one in found] for arm in ARMS}
    medians = [_count(float(np.median(counts[arm]))) for arm in ARMS]
    lines.append(f"| median to {WANTED:.0%} | {' | '.join(medians)} |")
    for arm in ("triggered", "unaided"):
        pairs = list(zip(counts[arm], counts["random"], strict=True))
        fewer, more = (sum(sign * a < sign * b for a, b in pairs) for sign in (1, -1))
        tried = fewer + more
        tail = sum(math.comb(tried, k) for k in range(max(fewer, more), tried + 1))
        p = min(1.0, 2.0 * tail / 2**tried)
        lines.append(
            f"{arm} against random, each seed: "
            + ", ".join(f"{_count(a)} : {_count(b)}" for a, b in pairs)
            + f"; fewer in {fewer}, more in {more}, sign test p = {p:.2g}"
        )
    start, expert = (np.mean([one[name][0] for one in found]) for name in ("start", "expert"))
    lines.append(f"Without any of these labels {start:.0%}; the expert {expert:.0%}.")
    return lines


def plot(found: Sequence[Mapping[str, Sequence[float]]]) -> str:
    """Success over labels as SVG: a thin line for each seed, a thick one for the mean."""
    width, height, left, top, wide, high = 640, 320, 56, 16, 470, 250
    places = [left + wide * k / (len(BUDGETS) - 1) for k in range(len(BUDGETS))]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]

    def y(value: float) -> float:
        return top + high * (1.0 - value)

    for part in (0.0, 0.25, 0.5, 0.75, WANTED, 1.0):
        dash = ' stroke-dasharray="5 4"' if part == WANTED else ""
        parts.append(
            f'<line x1="{left}" x2="{left + wide}" y1="{y(part):.1f}" y2="{y(part):.1f}" '
            f'stroke="#bbb"{dash}/><text x="{left - 8}" y="{y(part) + 4:.1f}" fill="#444" '
            f'text-anchor="end">{part:.0%}</text>'
        )
    for place, budget in zip(places, BUDGETS, strict=True):
        parts.append(f'<text x="{place:.1f}" y="{top + high + 20}" text-anchor="middle" '
                     f'fill="#444">{budget}</text>')  # fmt: skip
    parts.append(f'<text x="{left + wide / 2}" y="{height - 14}" text-anchor="middle" '
                 'fill="#444">labels bought</text>')  # fmt: skip
    under = 0.0
    for arm, color in zip(ARMS, COLORS, strict=True):
        mean = [float(np.mean([one[arm][k] for one in found])) for k in range(len(BUDGETS))]
        lines = [(one[arm], 0.8, 0.35) for one in found] + [(mean, 3.0, 1.0)]
        for values, thick, strength in lines:
            points = " ".join(f"{x:.1f},{y(v):.1f}" for x, v in zip(places, values, strict=True))
            parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" '
                         f'stroke-width="{thick}" opacity="{strength}"/>')  # fmt: skip
        name_y = max(y(mean[-1]) + 4.0, under + 16.0)
        under = name_y
        parts.append(f'<text x="{left + wide + 10}" y="{name_y:.1f}" fill="{color}">{arm}</text>')
    return "".join([*parts, "</svg>"]) + "\n"


def _count(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else f"more than {BUDGETS[-1]}"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rare", type=float, default=0.1, help="part of episodes with an event")
    parser.add_argument("--pool", type=int, default=600, help="episodes to choose from")
    parser.add_argument("--cases", type=int, default=50, help="of each kind in the test")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    began = time.process_time()
    found = []
    for seed in range(options.seeds):
        found.append(one_seed(seed, options.rare, options.pool, options.cases))
        print(f"seed {seed}: {time.process_time() - began:.0f} CPU-s", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "mining.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.out / "mining.svg").write_text(plot(found))
    print("\n".join(table(found)))


def _driver_model(speed: Floats, gap_m: Floats, ahead_m_s: Floats) -> Floats:
    """Intelligent Driver Model [Treiber, Hennecke and Helbing 2000], m/s2."""
    closing = speed * (speed - ahead_m_s) / (2.0 * math.sqrt(1.8 * 3.0))
    desired = 2.5 + np.maximum(speed * 1.3 + closing, 0.0)
    free = 1.0 - (speed / LIMIT_M_S) ** 4
    return np.asarray(1.8 * (free - (desired / np.maximum(gap_m, 0.1)) ** 2))


if __name__ == "__main__":
    main()
