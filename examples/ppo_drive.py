"""Learns to drive along a route by PPO, from ranges, the car's own senses and the route alone.

Needs the extra `ppo` (Stable-Baselines3). Pictures are left to imitation: with them a step costs
many times as much. As it stands it shows progress within minutes; 300,000 steps make a driver.

    python examples/ppo_drive.py --steps 20000 --out runs/ppo
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from fleetloop.agents.brain.inputs import encode, input_spec, task_inputs
from fleetloop.core.frames import Pose
from fleetloop.envs.registration import make_env
from fleetloop.envs.robots.car_rigs import car_rigs
from fleetloop.envs.sensors.beams import BeamTable
from fleetloop.envs.sensors.scanner2d import Scanner2dConfig

TASK = "fleetloop/Drive-v0"
SCALE = 0.1  # metres and metres per second to numbers of about one


class Numbers(gym.ObservationWrapper):
    """What the brain is shown but for pictures, as one vector."""

    def __init__(self, env: Any) -> None:  # noqa: ANN401 - a RobotEnv
        super().__init__(env)
        self.spec = input_spec(task_inputs(env.unwrapped))
        size = self.observation(env.observation_space.sample()).size
        self.observation_space = gym.spaces.Box(-10.0, 10.0, (size,), np.float32)

    def observation(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """Goal and own senses, scaled, and how close things are."""
        shown = encode(self.spec, TASK, observation)
        far = np.concatenate([shown["goal"], shown["proprioception"]]) * SCALE
        return np.concatenate([np.clip(far, -10.0, 10.0), shown["beams"].ravel()])


class Returns(BaseCallback):
    """Keeps the return and the way of each episode that ends."""

    def __init__(self) -> None:
        super().__init__()
        self.episodes: list[tuple[float, float]] = []

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                way = float(info["truth"]["route_completion"])
                self.episodes.append((info["episode"]["r"], way))
        return True


def scanner() -> Scanner2dConfig:
    """Sixty-four beams over the front half, at the height of the bumper."""
    beams = BeamTable(
        elevations_rad=(0.0,), azimuths=64, azimuth_from_rad=-np.pi / 2, azimuth_to_rad=np.pi / 2
    )
    return Scanner2dConfig(
        name="bumper", link_T_sensor=Pose.of(2.4, 0.0, 0.6), beams=beams, rate_hz=10.0, labels=False
    )


def make() -> Numbers:
    """The car with a scanner and without a camera, in small towns with little traffic."""
    body = [sensor for sensor in car_rigs()["front64"] if sensor.KIND != "camera"]
    options = {
        "route_m": (40.0, 100.0),
        "traffic": {"vehicles": 6},
        "map": {"town": {"blocks_x": 2, "blocks_y": 2}, "town_seeds": (0, 4)},
    }
    env = make_env(
        TASK, rig=[scanner(), *body], obs_mode="range", physics="fast", task_options=options
    )
    return Numbers(env)


def main() -> None:
    """Learns, and tells how the first and the last episodes went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rollout", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/ppo"))
    options = parser.parse_args()
    env = make()
    returns = Returns()
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=options.rollout,
        batch_size=min(128, options.rollout),
        learning_rate=3e-4,
        gamma=0.98,
        policy_kwargs={"log_std_init": -1.0},
        seed=options.seed,
        device="cpu",
    )
    model.learn(options.steps, callback=returns, progress_bar=False)
    options.out.mkdir(parents=True, exist_ok=True)
    model.save(options.out / "ppo_drive")
    env.close()
    fifth = max(len(returns.episodes) // 5, 1)
    for name, part in (("first", returns.episodes[:fifth]), ("last", returns.episodes[-fifth:])):
        mean, way = np.mean(part, axis=0) if part else (np.nan, np.nan)
        print(f"{name} fifth of {len(returns.episodes)} episodes: return {mean:.2f}, "
              f"{100 * way:.0f} % of the route")  # fmt: skip


if __name__ == "__main__":
    main()
