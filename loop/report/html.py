"""Small pieces of HTML. What is handed in is HTML already: escape it where it is made."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def section(title: str, body: str) -> str:
    """A headline, given as plain text, and what follows."""
    return f"<section><h2>{escape(title, quote=False)}</h2>{body}</section>"


def panel(body: str) -> str:
    """A framed box that scrolls sideways if it must."""
    return f'<div class="panel scroll">{body}</div>'


def card(figure: str, what: str, more: str) -> str:
    """A figure with what it is."""
    return (
        f'<div class="card"><div class="what">{what}</div><b>{figure}</b>'
        f'<div class="more soft">{more}</div></div>'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; an empty one says so."""
    if not rows:
        return '<p class="soft">Nothing to tell.</p>'
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def note(text: str) -> str:
    """A small remark, given as plain text."""
    return f'<p class="note">{escape(text, quote=False)}</p>'
