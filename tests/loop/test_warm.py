"""Compiling before it is wanted: all that jobs use is there then, and a failed one is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fleetloop.core.errors import FleetloopError
from fleetloop.loop import warm

README_CAMERA = """
from fleetloop.envs.trace.look import look, sweep
from fleetloop.loop.warm import _scene
scene = _scene()
look(scene, eye_m=(-4.0, 0.5, 1.2), at_m=(2.0, 0.0, 0.4))
sweep(scene, position_m=(-3.0, 0.5, 0.6))
"""


def test_jobs_that_need_no_physics_are_jobs():
    assert set(warm.WITHOUT_PHYSICS) <= set(warm.jobs_here()) <= set(warm.JOBS)


def test_jobs_run_beside_each_other_and_each_is_told(monkeypatch):
    running, most = set(), []

    class Job:
        returncode = 0

        def __init__(self, name):
            self.name, self.looks = name, 0
            running.add(name)
            most.append(len(running))

        def poll(self):
            self.looks += 1
            return 0 if self.looks > 2 else None

        def communicate(self):
            running.discard(self.name)
            return b"", b""

    monkeypatch.setattr(warm, "_start", Job)
    monkeypatch.setattr(warm, "_LOOK_AGAIN_S", 0.0)
    assert sorted(warm.warm(2)) == sorted(warm.jobs_here())
    assert max(most) == 2
    assert not running


def test_a_job_that_fails_says_why_and_stops_the_others(monkeypatch):
    started = []

    def start(name):
        code = "import sys; sys.exit('no compiler here')" if name == "see" else "input()"
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
        return started[-1]

    monkeypatch.setattr(warm, "_start", start)
    with pytest.raises(FleetloopError, match="'see' ended with 1: no compiler here"):
        list(warm.warm(2))
    assert all(job.returncode is not None for job in started)
    for job in started:
        job.stdin.close()


@pytest.mark.long
def test_a_camera_compiles_nothing_more(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETLOOP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(warm, "jobs_here", lambda: warm.WITHOUT_PHYSICS)
    list(warm.warm(2))
    kept = sorted(tmp_path.rglob("*.nbc"))
    subprocess.run([sys.executable, "-c", README_CAMERA], check=True)
    assert kept
    assert sorted(tmp_path.rglob("*.nbc")) == kept
