"""A small campaign of real stages: draws numbers, sorts them out, sums them up. Run as a program:

python small.py OUT ENGINE SLOW_S
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from fleetloop.core.rng import child_generator
from fleetloop.loop.campaign.kinds import STAGES
from fleetloop.loop.campaign.stage import JobPlan, Stage, StageKind

HERE = str(Path(__file__).parent)


def draw(args, inputs, out, report):
    rng = child_generator(args["seed"], "draw")
    time.sleep(args["slow_s"])
    (out / "numbers.txt").write_text("\n".join(map(str, rng.integers(0, 100, 20))))
    (out / "deeper").mkdir()
    (out / "deeper" / "seed.txt").write_text(str(args["seed"]))


def pick(args, inputs, out, report):
    """Reads one job's folder of another stage, slowly, in two files."""
    numbers = (inputs["drawn"] / args["job"] / "numbers.txt").read_text().split()
    (out / "low.txt").write_text(" ".join(sorted(n for n in numbers if int(n) < args["below"])))
    report(0.5)
    time.sleep(args["slow_s"])
    (out / "high.txt").write_text(" ".join(sorted(n for n in numbers if int(n) >= args["below"])))


def total(args, inputs, out, report):
    time.sleep(args["slow_s"])
    found = sum(
        int(number)
        for name in sorted(inputs)
        for path in sorted(inputs[name].glob("*/low.txt"))
        for number in path.read_text().split()
    )
    (out / "total.txt").write_text(str(found))


def plan_draw(options, inputs):
    return [
        JobPlan(name=f"e{n}", call="small:draw",
                args={"seed": options["seed"] + n, "slow_s": options["slow_s"]})
        for n in range(options["count"])
    ]  # fmt: skip


def plan_pick(options, inputs):
    jobs = sorted(path.name for path in inputs["drawn"].iterdir() if path.is_dir())
    return [JobPlan(name=job, call="small:pick", args={**options, "job": job}) for job in jobs]


def plan_total(options, inputs):
    return [JobPlan(name="all", call="small:total", args=options)]


KINDS = {"test_draw": plan_draw, "test_pick": plan_pick, "test_total": plan_total}


def register():
    for name, plan in KINDS.items():
        if name not in STAGES:
            STAGES.add(name, StageKind(name=name, version=1, plan=plan))


def campaign(*, slow_s: float = 0.0, seed: int = 0, below: int = 50):
    stages = []
    for arm in ("one", "two"):
        stages += [
            Stage(name=f"{arm}.draw", kind="test_draw",
                  options={"seed": seed + 100 * (arm == "two"), "count": 4, "slow_s": slow_s}),
            Stage(name=f"{arm}.pick", kind="test_pick", options={"below": below, "slow_s": slow_s},
                  inputs={"drawn": f"{arm}.draw"}),
        ]  # fmt: skip
    stages.append(
        Stage(name="total", kind="test_total", options={"slow_s": slow_s},
              inputs={"one": "one.pick", "two": "two.pick"})
    )  # fmt: skip
    return stages


class Quiet:
    """Remembers what it was told."""

    def __init__(self):
        self.stages: list[tuple[str, str]] = []
        self.parts: list[tuple[float, float]] = []

    def stage(self, stage, state):
        self.stages.append((stage.name, state))

    def part(self, done, of, running):
        self.parts.append((done, of))


if __name__ == "__main__":
    from fleetloop.loop.campaign.run import run_stages
    from fleetloop.loop.fleet import make_fleet

    sys.modules.setdefault("small", sys.modules["__main__"])
    register()
    crew = make_fleet(sys.argv[2], 2)
    try:
        run_stages(campaign(slow_s=float(sys.argv[3])), Path(sys.argv[1]), crew, Quiet())
    finally:
        crew.close()
