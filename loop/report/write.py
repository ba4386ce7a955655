"""Writes the report of a finished campaign."""

from __future__ import annotations

from pathlib import Path

from fleetloop.loop.campaign.store import write_whole
from fleetloop.loop.report.gather import gather
from fleetloop.loop.report.page import page

REPORT = "report.html"


def write_report(out: Path) -> Path:
    """Writes `report.html` into a campaign's folder.

    Raises:
        StorageError: The campaign is not finished, or the file cannot be written.
    """
    path = out / REPORT
    write_whole(path, page(gather(out)))
    return path
