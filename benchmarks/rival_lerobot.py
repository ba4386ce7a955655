"""LeRobot's own streaming writer over pictures of a file: CPU seconds, printed as JSON.

    python rival_lerobot.py PICTURES.npy FOLDER

Runs in an environment that has LeRobot; see `bench_lerobot.py`.
"""

from __future__ import annotations

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


def main() -> None:
    """Writes one episode and tells what it cost."""
    pictures = np.load(sys.argv[1])
    features = {
        "observation.images.eye": {
            "dtype": "video", "shape": pictures.shape[1:], "names": ["height", "width", "channels"],
        },
        "observation.state": {"dtype": "float32", "shape": (6,), "names": None},
        "action": {"dtype": "float32", "shape": (2,), "names": None},
    }  # fmt: skip
    begin = time.process_time()
    dataset = LeRobotDataset.create(
        "bench/bench", FPS, features, root=Path(sys.argv[2]), streaming_encoding=True,
        encoder_queue_maxsize=len(pictures) + 1,
    )  # fmt: skip
    for picture in pictures:
        dataset.add_frame(
            {
                "observation.images.eye": picture,
                "observation.state": np.zeros(6, np.float32),
                "action": np.zeros(2, np.float32),
                "task": "bench",
            }
        )
    dataset.save_episode()
    dataset.finalize()
    print(json.dumps({"cpu_s": time.process_time() - begin, "frames": len(pictures)}))


if __name__ == "__main__":
    main()
