"""webdataset's reader over all shards."""

import json
import sys
from pathlib import Path

import webdataset

shards = sorted(map(str, Path(sys.argv[1]).glob("*.tar")))
index = json.loads((Path(sys.argv[1]) / "index.json").read_text())
samples = 0
for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
    samples += 1
    assert sample["json"]["episode_id"]
    pictures = [v for k, v in sample.items() if k.endswith(".jpg")]
    assert all(picture.ndim == 3 for picture in pictures)
assert samples == sum(shard["frames"] for shard in index["shards"])
print(f"{len(shards)} shards, {samples} samples")
