"""Environments of the readers: which Python, which packages, and how they are made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Env:
    """An environment of its own.

    Attributes:
        python: Version, such as `3.11`.
        packages: Installed with what they ask for.
        alone: Installed afterwards, without: what they ask for would fetch gigabytes or conflict.
        lowered: Packages whose newer syntax is rewritten for this Python, see `lower.py`.
    """

    python: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()
    lowered: tuple[str, ...] = ()


TORCH = "torch==2.13.0"
"""PyPI's build for Linux brings CUDA with it: give pip an index of CPU builds to go without."""

_LEROBOT = (
    "datasets>=4.8,<5", "pandas<3", "av<16", "pyarrow>=21", "huggingface-hub>=1.6,<2", "draccus",
    "einops", "jsonlines", "safetensors", "termcolor", "gymnasium", "opencv-python-headless<4.14",
    "pillow<13", "numpy<2.3", "packaging<26", "tqdm", "requests",
)  # fmt: skip

ENVS = {
    # Its own Python is 3.12. With an index of CPU wheels it is installed as it asks; without one,
    # PyPI's PyTorch for 3.12 is gigabytes, so it runs on 3.11 with its syntax lowered.
    "lerobot": Env("3.12", ("lerobot[dataset]==0.6.1",)),
    "lerobot311": Env(
        "3.11", (TORCH, *_LEROBOT), ("torchvision==0.28.0", "lerobot==0.6.1"), ("lerobot",)
    ),
    "nuscenes": Env("3.11", ("nuscenes-devkit==1.2.0",)),
    "tools": Env(
        "3.11",
        (
            "minari",
            "h5py",
            "pillow",
            "rosbags",
            "rerun-sdk",
            "mcap",
            "pymcap-cli",
            "webdataset",
            "pykitti",
            "pycocotools",
            "opencv-python-headless",
        ),
    ),
    "robomimic": Env(
        "3.11", (TORCH, "h5py", "psutil", "tqdm", "termcolor", "numpy"), ("robomimic==0.3.0",)
    ),
    "rlds": Env("3.11", ("tensorflow-cpu", "tensorflow-datasets")),
}


EXPORTERS = (
    "av>=14", "pyarrow>=17", "h5py>=3.10", "google-crc32c>=1.5", "rosbags>=0.10",
    "rerun-sdk>=0.30",
)  # fmt: skip
"""What the extras of all export formats bring."""


def make_exporters(root: Path) -> Path:
    """An environment that sees all of this one, and has what exporters need beside it.

    Raises:
        SystemExit: It cannot be installed.
    """
    folder = root / "exporters"
    inside = folder / "bin" / "python"
    stamp = folder / ".made"
    wanted = " ".join(EXPORTERS)
    if not (stamp.exists() and stamp.read_text() == wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        ours = sysconfig.get_path("purelib")
        (theirs,) = folder.glob("lib/python*/site-packages")
        # A plain path would leave the editable install's own .pth files unread.
        (theirs / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        if subprocess.run(_pip(inside, EXPORTERS), check=False).returncode:
            raise SystemExit(f"{wanted} cannot be installed into {folder}.")
        stamp.write_text(wanted)
    return inside


def find_python(version: str) -> str | None:
    """A Python of a version: on the path, or among pyenv's."""
    found = shutil.which(f"python{version}")
    if found and _works(found, version):
        return found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for folder in sorted(root.glob(f"versions/{version}.*")):
        python = str(folder / "bin" / "python")
        if _works(python, version):
            return python
    return None


def make_env(name: str, root: Path, log: Path) -> Path | str:
    """The environment's Python, made if it is not there or no longer as asked; or why not."""
    env = ENVS[name]
    python = find_python(env.python)
    if python is None:
        return f"no Python {env.python} here"
    folder = root / name
    wanted = hashlib.sha256(json.dumps([env.python, env.packages, env.alone]).encode()).hexdigest()
    stamp = folder / ".made"
    inside = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == wanted:
        return inside
    with log.open("w") as out:
        steps = [[python, "-m", "venv", "--clear", str(folder)], _pip(inside, env.packages)]
        if env.alone:
            steps.append(_pip(inside, ("--no-deps", "--ignore-requires-python", *env.alone)))
        steps += [[str(inside), str(HERE / "lower.py"), package] for package in env.lowered]
        for step in steps:
            done = subprocess.run(step, stdout=out, stderr=out, timeout=3600, check=False)
            if done.returncode:
                return f"cannot be installed, see {log}"
    stamp.write_text(wanted)
    return inside


def _pip(python: Path, packages: tuple[str, ...]) -> list[str]:
    # Source builds of old packages want a current setuptools of their own.
    return [str(python), "-m", "pip", "install", "--quiet", *packages]


def _works(python: str, version: str) -> bool:
    told = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", told], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == version
