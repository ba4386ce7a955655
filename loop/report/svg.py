"""Curves as inline SVG: rates over rounds with their intervals, and losses over steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 520, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 96, 14, 34

Point = tuple[float, float, float, float]
"""x, value, lower and upper end of its interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart.

    Attributes:
        name: Beside its end.
        points: In order of x.
        style: CSS class, which gives the colour.
        shift: Sideways, in pixels, so that intervals do not hide each other.
    """

    name: str
    points: Sequence[Point]
    style: str
    shift: float = 0.0


def rates(lines: Sequence[Line], rounds: int, title: str) -> str:
    """Success in per cent over rounds, with intervals as bars."""
    body = [_frame(title)]
    for percent in (0, 25, 50, 75, 100):
        y = _y(percent / 100)
        body.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        body.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{percent}</text>'
        )
    for number in range(rounds + 1):
        x = _x(number, rounds)
        label = "expert data only" if number == 0 else f"round {number}"
        body.append(
            f'<text class="tick" x="{x}" y="{HEIGHT - 12}" text-anchor="middle">{label}</text>'
        )
    ends = _apart([_y(line.points[-1][1]) for line in lines])
    for line, end in zip(lines, ends, strict=True):
        body.append(_line(line, rounds, end))
    return _svg(body, title)


def losses(curves: Mapping[str, Sequence[tuple[float, float]]], title: str) -> str:
    """Loss over steps, one training after another."""
    body = [_frame(title)]
    top = max((value for curve in curves.values() for _, value in curve), default=1.0) or 1.0
    total = sum(curve[-1][0] for curve in curves.values() if curve) or 1.0
    for part in (0.0, 0.5, 1.0):
        y = _y(part)
        body.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        body.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">'
            f"{part * top:.2g}</text>"
        )
    done = 0.0
    for name, curve in curves.items():
        if not curve:
            continue
        path = " ".join(
            f"{_x(done + step, total):.1f},{_y(value / top):.1f}" for step, value in curve
        )
        middle = _x(done + 0.5 * curve[-1][0], total)
        body.append(f'<polyline class="line loop" points="{path}"/>')
        body.append(
            f'<text class="tick" x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">'
            f"{escape(name.split('.')[0])}</text>"
        )
        done += curve[-1][0]
    return _svg(body, title)


def bar(value: float, style: str = "loop") -> str:
    """A bar of up to 100 %, inline in a table."""
    width = round(100 * min(max(value, 0.0), 1.0))
    return f'<span class="bar"><span class="{style}" style="width:{width}%"></span></span>'


def _line(line: Line, rounds: int, end_y: float) -> str:
    xs = [_x(point[0], rounds) + line.shift for point in line.points]
    path = " ".join(f"{x:.1f},{_y(p[1]):.1f}" for x, p in zip(xs, line.points, strict=True))
    parts = [f'<polyline class="line {line.style}" points="{path}"/>']
    for x, (_, value, low, high) in zip(xs, line.points, strict=True):
        parts.append(
            f'<line class="whisker {line.style}" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(low):.1f}" '
            f'y2="{_y(high):.1f}"/>'
            f'<circle class="dot {line.style}" cx="{x:.1f}" cy="{_y(value):.1f}" r="4">'
            f"<title>{escape(line.name)}: {value:.0%} [{low:.0%}, {high:.0%}]</title></circle>"
        )
    parts.append(
        f'<text class="name {line.style}" x="{WIDTH - _RIGHT + 14}" y="{end_y + 4:.1f}">'
        f"{escape(line.name)}</text>"
    )
    return "".join(parts)


def _apart(ys: Sequence[float]) -> list[float]:
    """Moves labels so that none lies on another, keeping their order."""
    order = sorted(range(len(ys)), key=lambda number: ys[number])
    placed = list(ys)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + 15.0)
    over = max((placed[number] for number in order), default=0.0) - (HEIGHT - _BOTTOM)
    return [y - max(over, 0.0) for y in placed]


def _frame(title: str) -> str:
    return f"<title>{escape(title)}</title>"


def _svg(body: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(body)}</svg>"
    )


def _x(value: float, last: float) -> float:
    return _LEFT + 26 + (WIDTH - _LEFT - _RIGHT - 40) * value / max(last, 1e-9)


def _y(part: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1.0 - part)
