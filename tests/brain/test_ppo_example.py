"""The example of PPO runs; what it comes to is for the user to see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fleetloop.envs.registration import TASKS

EXAMPLE = Path(__file__).parents[2] / "examples" / "ppo_drive.py"


@pytest.mark.long
def test_it_learns_for_a_moment(tmp_path):
    pytest.importorskip("stable_baselines3")
    assert "fleetloop/Drive-v0" in TASKS
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--steps", "64", "--rollout", "64", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "last fifth" in done.stdout
    assert (tmp_path / "ppo_drive.zip").exists()
