"""Writes what the code says of each sensor into docs/sensors.md: modality, rate, fields, faults."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path

from fleetloop.core.spec import Field
from fleetloop.envs.sensors import SENSORS

PAGE = Path(__file__).parents[1] / "docs" / "sensors.md"
BEGIN, END = "<!-- made by tools/sensor_table.py -->", "<!-- end -->"


def table(kinds: Iterable[str] = SENSORS) -> str:
    """A row for each kind of sensor, with its default config."""
    rows = [
        "| Kind | Mode | Rate | Fields (unit) | Labels | Own faults |",
        "|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        sensor_class = SENSORS.get(kind)
        sensor = sensor_class(sensor_class.CONFIG(name="x"))
        seen = [told(n, f) for n, f in sensor.schema.items() if not f.privileged]
        labels = [told(n, f) for n, f in sensor.schema.items() if f.privileged]
        faults = [f"`{fault}`" for fault in sensor.config.FAULTS]
        rows.append(
            f"| `{kind}` | {sensor_class.MODALITY} | {sensor.config.rate_hz:g} Hz | "
            f"{', '.join(seen)} | {', '.join(labels) or '-'} | {', '.join(faults) or '-'} |"
        )
    return "\n".join(rows)


def told(name: str, field: Field) -> str:
    """A field in a few characters."""
    size = "x".join(map(str, field.shape))
    unit = "" if field.unit in ("1", "id") else f" {field.unit}"
    inside = f"{size}{unit}".strip() if math.prod(field.shape) != 1 or unit else ""
    return f"`{name}` ({inside})" if inside else f"`{name}`"


def with_table(page: str) -> str:
    """The page with the table of today between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
    sys.stdout.write(f"{PAGE} is up to date.\n")
