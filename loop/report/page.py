"""The page: headline, rounds, curves, failures, lessons, shadow, ablations, lineage, cost."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from fleetloop.loop.campaign.config import ARMS
from fleetloop.loop.report import sections
from fleetloop.loop.report.gather import Score, Story
from fleetloop.loop.report.html import card, note, section, table
from fleetloop.loop.report.svg import Line, losses, rates

_NAMES = {"loop": "the loop", "random": "random", "expert": "expert only"}


def page(story: Story) -> str:
    """The whole file."""
    css = (Path(__file__).parent / "page.css").read_text()
    tasks = sorted({score.task for score in story.scores})
    body = [
        _head(story, tasks),
        *(_task(story, task) for task in tasks),
        sections.decisions(story),
        sections.films(story),
        sections.lessons(story),
        sections.clips(story),
        sections.shadows(story),
        sections.ablations(story),
        sections.auto_labels(story),
        _training(story),
        sections.lineage(story),
        sections.costs(story),
    ]  # fmt: skip
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Campaign {escape(story.out.name)}</title><style>{css}</style></head>"
        f'<body><main id="report">{"".join(body)}'
        "<footer>Written by fleetloop. Everything on this page is in this file.</footer>"
        "</main></body></html>\n"
    )


def _head(story: Story, tasks: Sequence[str]) -> str:
    cards = []
    for task in tasks:
        first, last = _of(story, task, "loop", 0), _of(story, task, "loop", story.config.rounds)
        cards.append(
            card(
                f"{first.success[0]:.0%} → {last.success[0]:.0%}",
                f"{_short(task)}: success in {_count(last.cases, 'held-out case')}",
                f"95 % intervals [{first.success[1]:.0%}, {first.success[2]:.0%}] and "
                f"[{last.success[1]:.0%}, {last.success[2]:.0%}]",
            )
        )
        for name, gap, p, _, _ in story.paired.get(task, ()):
            if name == "expert":
                cards.append(
                    card(
                        f"{100 * gap:+.0f} points",
                        f"{_short(task)}: over as many more frames of the expert",
                        f"paired on the same cases, p = {p:.2g}",
                    )
                )
    cpu_s = sum(cpu for cpu, _, _ in story.costs.values())
    held = "no held-out world was taught" if not story.leaks else f"{len(story.leaks)} leaks"
    cards.append(card(f"{cpu_s / 60:.1f} CPU-min", "all arms, with evaluation", held))
    names = ", ".join(_short(task) for task in tasks)
    return (
        f"<h1>One brain, {_count(story.config.rounds, 'round')} on its own failures</h1>"
        f'<p class="soft">{escape(names)}. Seed {story.config.seed}. Every arm begins with the '
        "same brain and gets the same number of labelled frames a round; test cases are the same "
        "worlds for all, were never trained on, and decide nothing.</p>"
        f'<div class="cards">{"".join(cards)}</div>'
    )


def _task(story: Story, task: str) -> str:
    own = [score for score in story.scores if score.task == task]
    start = _of(story, task, "loop", 0)
    lines = []
    for shift, arm in enumerate(story.config.arms):
        scores = sorted((s for s in own if s.arm == arm), key=lambda score: score.number)
        if arm != "loop":
            scores = [start, *scores]
        lines.append(
            Line(
                name=_NAMES[arm],
                points=[(float(s.number), *s.success) for s in scores],
                style=arm,
                shift=6.0 * (shift - 1),
            )
        )
    chart = rates(lines, story.config.rounds, f"Success at {_short(task)} over rounds")
    paired = [
        (
            f"against {escape(name)}",
            f"{100 * gap:+.0f} points",
            f"{gained} gained, {lost} lost",
            f"p = {p:.2g}",
        )
        for name, gap, p, gained, lost in story.paired.get(task, ())
    ]
    arms = "; ".join(f"{_NAMES[arm]}: {ARMS[arm]}" for arm in story.config.arms)
    compared = table(("the last brain of the loop", "success", "cases", "McNemar"), paired)
    return section(
        f"{_short(task)}: success in held-out worlds",
        f'<div class="pair"><div class="panel">{chart}</div><div class="panel">{compared}'
        f'<p class="note">{escape(arms)}.'
        f"</p></div></div>{_rounds(own)}",
    )


def _training(story: Story) -> str:
    chart = losses(story.curves, "Loss of the actions")
    text = (
        "Loss of the actions over the batches of each training of the loop. It rises when harder "
        "frames join the data, so it is no measure of progress."
    )
    return section(
        "Training",
        f'<div class="pair"><div class="panel">{chart}</div><div class="panel">{note(text)}</div>'
        "</div>",
    )


def _rounds(scores: Sequence[Score]) -> str:
    rows = []
    ordered = sorted(scores, key=lambda s: (s.arm != "loop", s.arm, s.number))
    for score in ordered:
        causes = ", ".join(f"{count} {cause}" for cause, count in score.causes.items())
        rows.append(
            (
                _NAMES[score.arm] if score.number else "shared start",
                str(score.number),
                f"{score.success[0]:.0%}",
                f"[{score.success[1]:.0%}, {score.success[2]:.0%}]",
                f"{score.progress[0]:.0%} [{score.progress[1]:.0%}, {score.progress[2]:.0%}]",
                str(score.cases),
                escape(causes) or "none",
            )
        )
    head = ("arm", "round", "success", "95 % (Wilson)", "progress, 95 % (bootstrap)", "cases",
            "failures")  # fmt: skip
    return f'<div class="panel scroll" style="margin-top:14px">{table(head, rows)}</div>'


def _of(story: Story, task: str, arm: str, number: int) -> Score:
    return next(s for s in story.scores if s.task == task and s.arm == arm and s.number == number)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _short(task: str) -> str:
    return escape(task.split("/")[-1].removesuffix("-v0"))
