"""robomimic's SequenceDataset in a DataLoader."""

import sys
import types
from pathlib import Path

# robomimic asks for a package that finds GPUs for rendering; reading needs none.
sys.modules.setdefault("egl_probe", types.ModuleType("egl_probe"))
import h5py
import torch
from robomimic.utils import obs_utils
from robomimic.utils.dataset import SequenceDataset

path = Path(sys.argv[1]) / "demos.hdf5"
with h5py.File(path) as file:
    keys = list(file["data/demo_0/obs"])
    total = int(file["data"].attrs["total"])
    demos = len(file["data"])
    pictures = [k for k in keys if file[f"data/demo_0/obs/{k}"].ndim == 4]
    train = [name.decode() for name in file["mask/train"]]
assert set(train) <= {f"demo_{k}" for k in range(demos)}
obs_utils.initialize_obs_utils_with_obs_specs(
    {"obs": {"low_dim": [k for k in keys if k not in pictures], "rgb": pictures}}
)
dataset = SequenceDataset(
    str(path), obs_keys=keys, dataset_keys=("actions", "rewards", "dones"), seq_length=3,
    hdf5_use_swmr=False,
)  # fmt: skip
seen = 0
for batch in torch.utils.data.DataLoader(dataset, batch_size=16):
    seen += len(batch["actions"])
    assert batch["actions"].shape[1] == 3
    assert torch.isfinite(batch["actions"]).all()
assert seen == total == len(dataset)
print(f"{demos} demos, {seen} windows, {len(keys)} observation keys")
