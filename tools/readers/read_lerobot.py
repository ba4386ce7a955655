"""LeRobotDataset with windows, and a DataLoader over all of it."""

import sys
import types

# PyPI has no CPU build of torchvision for Linux; its compiled box operators are not needed to read,
# and the module that registers them stops the import where they cannot be loaded.
sys.modules.setdefault(
    "torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations")
)
import torch
from lerobot import __version__
from lerobot.datasets.lerobot_dataset import LeRobotDataset

plain = LeRobotDataset("fleetloop/readers", root=sys.argv[1], video_backend="pyav")
step = 1.0 / plain.fps
windows = {"action": [0.0, step], "observation.state": [-step, 0.0]}
dataset = LeRobotDataset(
    "fleetloop/readers", root=sys.argv[1], video_backend="pyav", delta_timestamps=windows
)
seen = 0
cameras = [k for k in dataset.meta.camera_keys if k not in dataset.meta.depth_keys]
for batch in torch.utils.data.DataLoader(dataset, batch_size=8, num_workers=0):
    seen += len(batch["index"])
    for key in cameras:
        picture = batch[key]
        assert picture.dtype == torch.float32
        assert picture.shape[1] == 3
        assert float(picture.min()) >= 0.0
        assert float(picture.max()) <= 1.0
        assert float(picture.std()) > 0.01, "a grey picture"
    for key in dataset.meta.depth_keys:
        # Millimetres; the far end is where the export cut it.
        assert 0.0 < float(batch[key].max()) <= 100_000.0 + 1.0
    assert batch["action"].shape[1] == 2
assert seen == len(dataset) == dataset.meta.total_frames
for key in ("observation.state", "action"):
    stats = dataset.meta.stats[key]
    rows = torch.stack([torch.as_tensor(plain[k][key]) for k in range(len(plain))]).double()
    assert torch.allclose(
        rows.mean(0), torch.as_tensor(stats["mean"]).double(), atol=1e-3, rtol=1e-4
    )
ends = [int(e["dataset_to_index"]) for e in dataset.meta.episodes]
assert ends[-1] == seen
assert plain[ends[0] - 1]["next.done"].item()
print(
    f"lerobot {__version__}: {dataset.num_episodes} episodes, {seen} frames, "
    f"{len(cameras)} cameras, {len(dataset.meta.depth_keys)} depth"
)
