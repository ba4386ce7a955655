"""`fleetloop ask`: what a sentence would make which robot do."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from fleetloop.loop.terminal import console


def ask(
    sentence: Annotated[str, typer.Argument(help="What you would say to the robots.")],
    body: Annotated[
        str | None, typer.Option(help="Who hears it: car or humanoid; any robot if left out.")
    ] = None,
    embedder: Annotated[
        str | None, typer.Option(help="e5 or ngram; the best that is installed if left out.")
    ] = None,
) -> None:
    """Read a sentence as requests, and say which robot would do what."""
    from fleetloop.agents.language.resolve import Resolver

    with console.status("Reading; the first time fits the words, which takes a minute ..."):
        resolver = Resolver(embedder=embedder)
        readings = resolver.resolve(sentence, body)
    for reading in readings:
        what = reading.reply
        if reading.request is not None:
            what = f"{reading.request.body} does {reading.request.id}"
        elif reading.meaning == "talk":
            what = "talk: for a language model, no robot moves"
        console.print(f"{escape(reading.text)!r}: {escape(what)}", highlight=False, soft_wrap=True)
    console.print(f"Read by {resolver.embedder.key}.", style="dim", highlight=False)
