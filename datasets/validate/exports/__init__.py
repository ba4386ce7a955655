"""Is an export what it claims to be? What holds for every format, and a check a format.

Each is one file here and one line below. A check reads the files by plain means, not by the
exporter's own code, so that one mistake is not made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fleetloop.core.registry import Registry
from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding

ExportCheck = Callable[[Path, Lineage], Iterator[Finding]]

EXPORT_CHECKS: Registry[ExportCheck] = Registry(
    "check of an export format",
    {},
)
