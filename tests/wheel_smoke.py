"""Run by .ci/run in a clean environment: the installed wheel works without the source tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np

import fleetloop.core.frames

here = Path.cwd()
installed = Path(fleetloop.core.frames.__file__)
assert "site-packages" in installed.parts, f"not the wheel: {installed}"
env = gym.make("fleetloop.envs:fleetloop/LaneFollow-v0", render_mode="rgb_array")
observation, _ = env.reset(seed=1)
env.step(np.zeros(env.action_space.shape, np.float32))
picture = env.render()
assert picture.shape == (480, 640, 3), picture.shape
assert picture.std() > 20, "the picture is blank"
env.close()
tool = Path(sys.executable).parent / "fleetloop"
subprocess.run([tool, "doctor"], check=True, cwd=here)
subprocess.run(
    [tool, "record", "--episodes", "1", "--max-steps", "10", "--out", "data"], check=True
)
subprocess.run([tool, "replay", "data"], check=True)
sys.stdout.write("The wheel works.\n")
