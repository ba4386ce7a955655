"""Writes an episode as one HTML file that opens from disk, without a server or a network."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from fleetloop.core.errors import StorageError
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.view.gather import ViewOptions, gather


def write_page(
    episode: RecordedEpisode,
    out: Path,
    options: ViewOptions | None = None,
    on_part: Callable[[str], None] = lambda name: None,
) -> int:
    """Writes the page and returns its size in bytes.

    Args:
        episode: What to show.
        out: The HTML file; an older one is replaced.
        options: How much goes in.
        on_part: Told the name of each sensor as it is read.

    Raises:
        StorageError: It cannot be written.
    """
    data = json.dumps(gather(episode, options or ViewOptions(), on_part), allow_nan=False)
    # Inside a script element only "</" could end it, and "<!--" could change how it is read.
    data = data.replace("<", "\\u003c")
    folder = files("fleetloop.datasets.view")
    page = (folder / "page.html").read_text()
    for name, text in (
        ("{{title}}", html.escape(episode.meta.episode_id)),
        ("{{style}}", (folder / "page.css").read_text()),
        ("{{script}}", (folder / "page.js").read_text()),
        ("{{data}}", data),
    ):
        page = page.replace(name, text, 1)
    part = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page)
        os.replace(part, out)
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error.strerror or error}.") from error
    return len(page.encode())
