"""Rigs with other labels: every camera gets the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleetloop.core.config import to_json
from fleetloop.envs.registration import make_env
from fleetloop.envs.sensors.camera_labels import LABELS

ALL = "all"


def label_names(text: str) -> tuple[str, ...]:
    """Labels that a comma-separated list names; `all` names every one that there is."""
    if text.strip() == ALL:
        return tuple(LABELS)
    return tuple(name.strip() for name in text.split(","))


def labelled_rig(
    options: Mapping[str, Any], rig: str | Sequence[Any] | None, labels: Sequence[str]
) -> list[Any]:
    """The sensors of a rig as JSON, each camera with some labels and no others.

    Args:
        options: Further arguments of `make_env`, the task among them.
        rig: As `make_env` takes it.
        labels: Names in `camera_labels.LABELS`.
    """
    env = make_env(**options, rig=rig)
    try:
        sensors = list(to_json(env.config.sensors))
    finally:
        env.close()
    return [
        {**sensor, "labels": list(labels)} if sensor["kind"] == "camera" else sensor
        for sensor in sensors
    ]
