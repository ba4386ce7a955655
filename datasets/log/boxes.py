"""The true objects as boxes that Foxglove and Rerun draw: `foxglove.SceneUpdate` on `/boxes`."""

from __future__ import annotations

from typing import Any

from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate

from fleetloop.core.objects import Objects
from fleetloop.core.semantics import DYNAMIC_CLASSES, SemanticClass
from fleetloop.datasets.log.streams import stamp

BOXES_EVERY_NS = 100_000_000
"""Viewers get boxes ten times a second at most; `/objects` has them all."""

_MOVING_RGBA = (0.95, 0.45, 0.10, 0.45)
_STANDING_RGBA = (0.45, 0.55, 0.65, 0.20)


def boxes_message(objects: Objects) -> Any:  # noqa: ANN401 - a protobuf message
    """Boxes with class, name and velocity as metadata; an entity stays until it is told anew."""
    update = SceneUpdate()
    centers = objects.centers_m().tolist()
    rows = zip(
        objects.names,
        objects.instance_id.tolist(),
        objects.semantic.tolist(),
        centers,
        objects.quaternion_xyzw.tolist(),
        objects.box_size_m.tolist(),
        objects.linear_m_s.tolist(),
        strict=True,
    )
    for name, instance, semantic, center, turn, size, velocity in rows:
        entity = update.entities.add(frame_id="world", id=str(instance))
        stamp(entity.timestamp, objects.t_ns)
        told = {
            "name": name,
            "class": SemanticClass(semantic).name.lower(),
            "velocity_m_s": " ".join(f"{v:.4g}" for v in velocity),
        }
        for key, value in told.items():
            entity.metadata.add(key=key, value=value)
        cube = entity.cubes.add()
        position, orientation = cube.pose.position, cube.pose.orientation
        position.x, position.y, position.z = center
        orientation.x, orientation.y, orientation.z, orientation.w = turn
        cube.size.x, cube.size.y, cube.size.z = size
        moving = semantic in DYNAMIC_CLASSES
        color = _MOVING_RGBA if moving else _STANDING_RGBA
        cube.color.r, cube.color.g, cube.color.b, cube.color.a = color
    return update
