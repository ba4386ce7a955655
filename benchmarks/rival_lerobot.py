"""LeRobot's own streaming writer and reader over pictures of a file: CPU seconds as JSON.

    python rival_lerobot.py PICTURES.npy FOLDER [--read ITEMS]

With `--read` two cameras are written, and items read in random order. Runs in an environment that
has LeRobot; see `bench_lerobot.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import types
from pathlib import Path

# Without a CPU build of torchvision its compiled operators do not load; writing needs none of them.
sys.modules.setdefault(
    "torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations")
)

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

FPS = 30


def write(pictures: np.ndarray, folder: Path, cameras: tuple[str, ...]) -> None:
    """One episode, every camera with the same pictures."""
    picture = {"dtype": "video", "shape": pictures.shape[1:],
               "names": ["height", "width", "channels"]}  # fmt: skip
    features = {
        **{f"observation.images.{name}": picture for name in cameras},
        "observation.state": {"dtype": "float32", "shape": (6,), "names": None},
        "action": {"dtype": "float32", "shape": (2,), "names": None},
    }
    dataset = LeRobotDataset.create(
        "bench/bench", FPS, features, root=folder, streaming_encoding=True,
        encoder_queue_maxsize=len(pictures) + 1,
    )  # fmt: skip
    for array in pictures:
        dataset.add_frame(
            {
                **{f"observation.images.{name}": array for name in cameras},
                "observation.state": np.zeros(6, np.float32),
                "action": np.zeros(2, np.float32),
                "task": "bench",
            }
        )
    dataset.save_episode()
    dataset.finalize()


def main() -> None:
    """Writes, reads where asked to, and tells what it cost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--read", type=int, default=0)
    chosen = parser.parse_args()
    pictures = np.load(chosen.pictures)
    if not chosen.read:
        begin = time.process_time()
        write(pictures, chosen.folder, ("eye",))
        print(json.dumps({"cpu_s": time.process_time() - begin, "items": len(pictures)}))
        return
    write(pictures, chosen.folder, ("left", "right"))
    dataset = LeRobotDataset("bench/bench", root=chosen.folder, video_backend="pyav")
    order = np.random.default_rng(1).integers(0, len(dataset), chosen.read).tolist()
    dataset[0]
    begin = time.process_time()
    for number in order:
        dataset[number]
    print(json.dumps({"cpu_s": time.process_time() - begin, "items": len(order)}))


if __name__ == "__main__":
    main()
