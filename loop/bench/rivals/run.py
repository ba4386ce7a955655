"""Runs one rival in a process of its own: `python -m fleetloop.loop.bench.rivals.run NAME PLAN`.

The plan comes and the rows leave as JSON, a line each, behind a mark: rivals print things as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict

from fleetloop.loop.bench.rivals import RIVALS
from fleetloop.loop.bench.rivals.plan import Plan
from fleetloop.loop.bench.timing import Cost, Row

MARK = "fleetloop-row "
TIMEOUT_S = 900.0
# One thread for all: what OpenGL on a CPU (llvmpipe) and MuJoCo's choice of it look at.
_ENVIRONMENT = {"LP_NUM_THREADS": "0", "MUJOCO_GL": "egl", "OMP_NUM_THREADS": "1"}


def rows_of(name: str, plan: Plan) -> Iterator[Row | str]:
    """Rows of a rival; a string, the reason, if it cannot be measured here."""
    command = [sys.executable, "-m", "fleetloop.loop.bench.rivals.run", name]
    try:
        done = subprocess.run(
            [*command, json.dumps(asdict(plan))],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env={**os.environ, **_ENVIRONMENT},
        )
    except subprocess.TimeoutExpired:
        yield f"{name} did not end within {TIMEOUT_S:.0f} s."
        return
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            fields = json.loads(line[len(MARK) :])
            yield Row(**{**fields, "cost": Cost(**fields["cost"])})
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        yield f"{name} is not measured: {last}"


def main() -> None:
    """The process of the rival."""
    name, plan_json = sys.argv[1:]
    fields = json.loads(plan_json)
    sizes = tuple((int(width), int(height)) for width, height in fields["sizes"])
    for row in RIVALS.get(name)(Plan(**{**fields, "sizes": sizes})):
        sys.stdout.write(MARK + json.dumps(asdict(row)) + "\n")


if __name__ == "__main__":
    main()
