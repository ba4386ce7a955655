"""Stage `label`: the chosen clips as shards; and how good labels without a simulator would be.

The expert's actions and the answers to the lessons' questions come from the simulator's truth. A
fleet on real roads has none: there labels come from the future of a clip, which says where the
robot got to by its own sensors. Such labels are made here too, from odometry alone, and compared
with the truth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.loop.campaign.mine import Clip, read_clips
from fleetloop.loop.campaign.sense import ROWS, SIGNALS
from fleetloop.loop.campaign.stage import JobPlan, StageKind
from fleetloop.loop.fleet.base import ReportPart

SHARD_SUFFIX = ".npz"
QUALITY = "auto_labels.json"


def _plan(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    by_episode: dict[str, list[Clip]] = {}
    for clip in read_clips(inputs["clips"]):
        by_episode.setdefault(clip.episode, []).append(clip)
    return [
        JobPlan(
            name=episode,
            call="fleetloop.loop.campaign.label:label_one",
            args={
                "spec": options["spec"],
                "episode": episode,
                "clips": [[clip.first, clip.stop] for clip in clips],
            },
        )
        for episode, clips in sorted(by_episode.items())
    ]


def label_one(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Cuts the clips of one episode out of its rows."""
    folder = inputs["rows"] / args["episode"]
    with np.load(folder / ROWS, allow_pickle=False) as file:
        rows = {name: file[name] for name in file.files}
    with np.load(folder / SIGNALS, allow_pickle=False) as file:
        t_s = file["t_s"]
    quality = auto_label_quality(rows, t_s, args["spec"])
    chosen = np.concatenate([np.arange(first, stop) for first, stop in args["clips"]])
    # The name is part of what a training knows a shard by, so no two stages may share it.
    name = f"{inputs['rows'].name}-{args['episode']}{SHARD_SUFFIX}"
    np.savez(out / name, allow_pickle=False, **{key: array[chosen] for key, array in rows.items()})
    (out / QUALITY).write_text(json.dumps(quality, indent=1, sort_keys=True) + "\n")


def auto_label_quality(
    rows: Mapping[str, npt.NDArray[Any]], t_s: npt.NDArray[np.float64], spec: Mapping[str, Any]
) -> dict[str, Any]:
    """Compares labels from the future of a clip, by odometry, with the simulator's truth.

    Returns:
        `rows` that were compared; root mean square `forward_m` and `turn_rad` of the error of the
        motion in the next half second, beside that of `as_now_*`, which takes the present speed for
        the future's; `stops`, how often it stops within two seconds by odometry and by truth:
        `both`, `only_auto`, `only_truth`, `neither`.
    """
    from fleetloop.agents.lessons import places
    from fleetloop.loop.campaign.odometry import future_motion, odometry

    measured = odometry(rows, spec)
    if measured is None or len(t_s) < 3:
        return {"rows": 0}
    auto = future_motion(t_s, *measured)
    truth = rows["answer"][:, places("motion")]
    known = rows["known"][:, places("motion")].all(axis=1) & auto.known
    if not known.any():
        return {"rows": 0}
    stop = places("soon").start
    asked = rows["known"][:, stop] & auto.stop_known
    stops = rows["answer"][:, stop] > 0.5

    def rms(error: npt.NDArray[np.float64]) -> float:
        return float(np.sqrt(np.square(error[known]).mean()))

    return {
        "rows": int(known.sum()),
        "forward_m": rms(auto.forward_m - truth[:, 0]),
        "turn_rad": rms(auto.turn_rad - truth[:, 2]),
        "as_now_forward_m": rms(auto.now_forward_m - truth[:, 0]),
        "as_now_turn_rad": rms(auto.now_turn_rad - truth[:, 2]),
        "stops": {
            "both": int((asked & stops & auto.stops).sum()),
            "only_auto": int((asked & ~stops & auto.stops).sum()),
            "only_truth": int((asked & stops & ~auto.stops).sum()),
            "neither": int((asked & ~stops & ~auto.stops).sum()),
        },
    }


def shards_in(folder: Path) -> list[Path]:
    """All shards of a stage of this kind."""
    return sorted(folder.glob(f"*/*{SHARD_SUFFIX}"))


KIND = StageKind(name="label", version=1, plan=_plan)
