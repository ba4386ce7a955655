"""TensorFlow Datasets, with TensorFlow on the CPU."""

import sys
from pathlib import Path

import tensorflow_datasets as tfds

(info,) = Path(sys.argv[1]).glob("*/*/dataset_info.json")
builder = tfds.builder_from_directory(str(info.parent))
episodes = steps = 0
for episode in builder.as_dataset(split="train"):
    episodes += 1
    rows = list(episode["steps"])
    steps += len(rows)
    assert bool(rows[0]["is_first"])
    assert bool(rows[-1]["is_last"])
    assert not any(bool(row["is_last"]) for row in rows[:-1])
    for name, value in rows[0]["observation"].items():
        assert value.shape == builder.info.features["steps"]["observation"][name].shape, name
assert episodes == builder.info.splits["train"].num_examples
print(f"tfds {tfds.__version__}: {builder.name}, {episodes} episodes, {steps} steps")
