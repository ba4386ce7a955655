"""minari.load_dataset, and every observation in its space."""

import os
import sys
from pathlib import Path

import numpy as np

os.environ["MINARI_DATASETS_PATH"] = sys.argv[1]
import minari

(metadata,) = Path(sys.argv[1]).glob("*/*/data/metadata.json")
name = "/".join(metadata.parts[-4:-2])
dataset = minari.load_dataset(name)
steps = 0
for episode in dataset.iterate_episodes():
    steps += len(episode.rewards)
    assert len(episode.actions) == len(episode.rewards)
    assert episode.terminations[-1] or episode.truncations[-1]
    assert dataset.action_space.shape == episode.actions.shape[1:]
    for sensor, space in dataset.observation_space.spaces.items():
        for field, box in space.spaces.items():
            rows = episode.observations[sensor][field]
            assert rows.shape == (len(episode.rewards) + 1, *box.shape), (sensor, field)
            assert rows.dtype == box.dtype
            assert np.isfinite(rows).all()
            assert all(box.contains(row) for row in (rows[0], rows[-1])), (sensor, field)
assert steps == dataset.total_steps
print(f"minari {minari.__version__}: {name}, {dataset.total_episodes} episodes, {steps} steps")
