"""The card of a data set: what is in it, where it came from, and what it is not."""

from __future__ import annotations

from collections import Counter

from fleetloop.datasets.stats import RecordingStats

LIMITS = (
    "Everything is simulated: shapes, materials and light are simple, no photograph was used.",
    "Sensor models follow published formulas and data sheets; they were not fitted to one device.",
    "Labels are the simulator's own truth, without the errors of people who label.",
    "Camera pictures are JPEG of quality 92 unless the log says that it is lossless.",
)
"""What holds for every recording of this simulator."""


def card(stats: RecordingStats, *, title: str, licence: str) -> str:
    """Markdown for a folder of logs.

    Args:
        stats: Of the recording.
        title: Its name.
        licence: Under which terms it is given; SPDX where there is an identifier.
    """
    tasks = Counter((e.task, e.robot, e.policy) for e in stats.episodes)
    causes = Counter(e.cause for e in stats.episodes)
    events: Counter[str] = Counter()
    for episode in stats.episodes:
        events.update(episode.events)
    size_mb = sum(e.size_bytes for e in stats.episodes) / 1e6
    steps = sum(e.steps for e in stats.episodes)
    lines = [
        f"# {title}",
        "",
        f"{len(stats.episodes)} simulated episodes, {steps} steps, {stats.hours * 60:.2f} minutes, "
        f"{size_mb:.1f} MB. {stats.success_rate:.0%} did their task.",
        "",
        f"* Licence: {licence}",
        f"* Content hash: `{stats.content}`",
        f"* Recorded by fleetloop {', '.join(stats.versions)}; one MCAP file an episode",
        f"* Seeds: {_ranges(sorted({e.seed for e in stats.episodes}))}",
        "",
        "## Episodes",
        "",
        "| task | robot | policy | episodes |",
        "|---|---|---|---|",
        *(f"| {t} | {r} | {p} | {count} |" for (t, r, p), count in sorted(tasks.items())),
        "",
        "Ended by: " + ", ".join(f"{cause} {n}" for cause, n in causes.most_common()) + ".",
        "Events: " + (", ".join(f"{k} {n}" for k, n in events.most_common()) or "none") + ".",
        "",
        *_sensor_lines(stats),
        "## Objects",
        "",
        ", ".join(f"{name} {count}" for name, count in stats.objects.items()) or "None recorded.",
        "",
        "## Known limits",
        "",
        *(f"* {limit}" for limit in LIMITS),
        "",
        *_episode_lines(stats),
    ]
    return "\n".join(lines) + "\n"


def _sensor_lines(stats: RecordingStats) -> list[str]:
    return [
        "## Sensors",
        "",
        "| sensor | kind | rate, Hz | samples | with faults | fields (labels in italics) |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {s.kind} | {s.rate_hz:g} | {s.samples} | {s.faulty} | "
            + ", ".join(f"*{f}*" if f in s.privileged else f for f in s.fields)
            + " |"
            for name, s in stats.sensors.items()
        ),
        "",
        "Mounts, lenses and noise of each sensor are in the attachment `calibration.json` of each "
        "log.",
        "",
    ]


def _episode_lines(stats: RecordingStats) -> list[str]:
    return [
        "## Episode by episode",
        "",
        "| file | seed | steps | end | reward | content hash |",
        "|---|---|---|---|---|---|",
        *(
            f"| {e.file} | {e.seed} | {e.steps} | {e.cause} | {e.total_reward:.2f} | "
            f"`{e.content[:16]}` |"
            for e in stats.episodes
        ),
    ]


def _ranges(numbers: list[int]) -> str:
    """Whole numbers as `0-9, 12`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
