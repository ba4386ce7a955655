"""Labels that a camera can carry beside its picture, from the same rays at the same instant.

They are privileged: recorded, never observed. With motion blur they belong to the middle of the
exposure, with a rolling shutter each row has its own time, as the picture has.
"""

from __future__ import annotations

from typing import NamedTuple

from fleetloop.core.errors import ConfigError
from fleetloop.core.spec import Field


class Label(NamedTuple):
    """One label: the trace output that it is, and what a schema says of it."""

    output: str
    dtype: str
    channels: int
    unit: str
    frame: str
    low: float
    high: float
    doc: str


FARTHEST_M = 1e4
"""No camera sees further."""

LABELS: dict[str, Label] = {
    "depth_m": Label("depth", "float32", 0, "m", "sensor", 0.0, FARTHEST_M,
                     "Along the optical axis; far_m where nothing was hit."),
    "range_m": Label("range", "float32", 0, "m", "sensor", 0.0, 2.0 * FARTHEST_M,
                     "Along the ray; far_m where nothing was hit."),
    "instance": Label("instance", "int32", 0, "id", "", 0.0, 2**31 - 1,
                      "Which object; 0 is none."),
    "semantic": Label("semantic", "uint8", 0, "id", "", 0.0, 255.0, "Which class; 0 is none."),
    "material": Label("material", "int32", 0, "id", "", 0.0, 2**31 - 1,
                      "Row of the scene's material table."),
    "normal": Label("normal", "float32", 3, "1", "world", -1.001, 1.001,
                    "Unit, on the camera's side; zeros where nothing was hit."),
    "uv": Label("uv", "float32", 2, "1", "", -1e6, 1e6, "Texture coordinates of the surface."),
    "position_m": Label("position", "float32", 3, "m", "world", -2.0 * FARTHEST_M,
                        2.0 * FARTHEST_M, "From where the camera was when it took the row."),
    "velocity_m_s": Label("velocity", "float32", 3, "m/s", "world", -1e5, 1e5,
                          "Of the surface; zeros where nothing was hit."),
    "flow_forward": Label("flow_forward", "float32", 2, "px", "sensor", -1e9, 1e9,
                          "On the last picture's pixels: from it to this one, column and row."),
    "flow_backward": Label("flow_backward", "float32", 2, "px", "sensor", -1e9, 1e9,
                           "From this picture to where its points were in the last one."),
    "flow_occluded": Label("flow_occluded", "bool", 0, "1", "", 0.0, 1.0,
                           "Whether the point was hidden or out of view in the last picture."),
    "hit": Label("hit", "bool", 0, "1", "", 0.0, 1.0, "Whether there is anything."),
}  # fmt: skip
"""By name. In the first picture of an episode the last one is that picture itself."""


def check_labels(names: tuple[str, ...], camera: str) -> None:
    """Holds the names against `LABELS`.

    Raises:
        ConfigError: One is unknown.
    """
    unknown = [name for name in names if name not in LABELS]
    if unknown:
        raise ConfigError(
            f"The camera {camera!r} knows no label {unknown[0]!r}. Known: {', '.join(LABELS)}."
        )


def label_field(name: str, height: int, width: int) -> Field:
    """The schema's entry of one label."""
    label = LABELS[name]
    shape = (height, width, label.channels) if label.channels else (height, width)
    return Field(
        shape=shape, dtype=label.dtype, unit=label.unit, frame=label.frame, low=label.low,
        high=label.high, doc=label.doc, privileged=True,
    )  # fmt: skip
