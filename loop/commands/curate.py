"""`fleetloop stats`, `card`, `merge`, `split` and `filter`: from recordings to data sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.loop.terminal import console

if TYPE_CHECKING:
    from fleetloop.datasets.stats import RecordingStats

Place = Annotated[Path, typer.Argument(help="A log, or a folder of logs.")]
Out = Annotated[Path, typer.Argument(help="The folder to make.")]


def stats(
    place: Place,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all of it there as JSON.")
    ] = None,
) -> None:
    """Tell what is in a recording: counts, ends, events, clocks, sensors, their numbers' spread."""
    import json

    from fleetloop.core.config import to_json

    found = _statistics(place)
    for line in _told(found):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if json_file is not None:
        json_file.write_text(json.dumps(to_json(found), indent=1) + "\n")


def card(
    place: Annotated[Path, typer.Argument(help="A folder of logs.")],
    title: Annotated[str, typer.Option(help="Its name; the folder's if left out.")] = "",
    licence: Annotated[str, typer.Option(help="SPDX identifier.")] = "CC-BY-4.0",
) -> None:
    """Write the README of a data set beside its logs."""
    from fleetloop.datasets.card import card as text_of

    if not place.is_dir():
        raise StorageError(f"{place} is no folder: a card is written beside the logs of one.")
    text = text_of(_statistics(place), title=title or place.resolve().name, licence=licence)
    (place / "README.md").write_text(text)
    console.print(f"{place / 'README.md'} is written.", soft_wrap=True)


def merge(
    out: Out,
    sources: Annotated[list[Path], typer.Argument(help="Folders of logs.")],
) -> None:
    """Put the logs of several folders into a new one; the same episode counts once."""
    from fleetloop.datasets.curate import merge as run
    from fleetloop.datasets.recording import Recording

    done = run([Recording(source) for source in sources], out)
    console.print(f"{out}: {len(done)} episodes.", soft_wrap=True)


def split(
    place: Place,
    out: Annotated[Path, typer.Argument(help="The folder in which the parts are made.")],
    shares: Annotated[str, typer.Option(help="Names and relative sizes.")] = "train=8,val=1,test=1",
    by: Annotated[str, typer.Option(help="What stays together: scene, seed or episode.")] = "scene",
    seed: Annotated[int, typer.Option(help="Of the shuffle.")] = 0,
) -> None:
    """Divide a recording into parts that share no scene; exit 1 if they do."""
    from typing import cast, get_args

    from fleetloop.datasets.curate import GroupBy, place_logs
    from fleetloop.datasets.curate import split as run
    from fleetloop.datasets.recording import Recording
    from fleetloop.loop.settings import parse_settings

    if by not in get_args(GroupBy):
        raise ConfigError(f"--by {by!r} is none of: {', '.join(get_args(GroupBy))}.")
    sizes = parse_settings(shares.split(","))
    wrong = [name for name, size in sizes.items() if not isinstance(size, int | float)]
    if wrong:
        raise ConfigError(f"The share of {wrong[0]!r} is {sizes[wrong[0]]!r}: use a number.")
    done = run(Recording(place), sizes, by=cast("GroupBy", by), seed=seed)
    for leak in done.leaks:
        console.print(f"[red]leak[/red] {leak}", soft_wrap=True, highlight=False)
    if done.leaks:
        console.print("Nothing was written: divide by scene.")
        raise typer.Exit(1)
    for name, paths in done.parts.items():
        place_logs(paths, out / name)
        console.print(f"{out / name}: {len(paths)} episodes", soft_wrap=True)


def filter_logs(
    place: Place,
    out: Out,
    task: Annotated[str, typer.Option(help="Keep this task.")] = "",
    robot: Annotated[str, typer.Option(help="Keep this robot.")] = "",
    policy: Annotated[str, typer.Option(help="Keep this policy.")] = "",
    cause: Annotated[str, typer.Option(help="Keep what ended so, such as off_road.")] = "",
    success: Annotated[bool | None, typer.Option(help="Keep what did it, or did not.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Keep what has such an event.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Such as 'wheels.speed_m_s max > 15'.")
    ] = None,
    min_steps: Annotated[int, typer.Option(help="Keep what has as many steps.")] = 0,
    time: Annotated[list[str] | None, typer.Option(help="Keep day, dusk or night.")] = None,
    weather: Annotated[
        list[str] | None, typer.Option(help="Keep rain, snow, fog, wet, dry or clouds.")
    ] = None,
    like: Annotated[
        str, typer.Option(help="Keep what looks like this: LOG, or LOG@SECONDS for one frame.")
    ] = "",
    least: Annotated[float, typer.Option(help="Least likeness, -1 to 1, with --like.")] = 0.8,
    most: Annotated[
        int | None, typer.Option(help="At most so many, the most alike, with --like.")
    ] = None,
    by: Annotated[str, typer.Option(help="What is compared: picture or points.")] = "picture",
) -> None:
    """Put the episodes that meet all conditions into a new folder."""
    from fleetloop.datasets.curate import Query, Where, place_logs, select
    from fleetloop.datasets.recording import Recording
    from fleetloop.datasets.similarity import Alike, alike

    def tell(path: Path, score: float) -> None:
        console.print(f"{path.name}: {score:.3f} alike", soft_wrap=True, highlight=False)

    query = Query(
        task=task, robot=robot, policy=policy, cause=cause, success=success,
        events=tuple(event or ()), where=tuple(Where.parse(text) for text in where or ()),
        min_steps=min_steps, times=tuple(time or ()), weathers=tuple(weather or ()),
    )  # fmt: skip
    recording = Recording(place)
    chosen = select(recording, query)
    if like:
        reference = Alike.parse(like, by=by)
        found = alike(chosen, reference, at_least=least, most=most, on_episode=tell)
        chosen = [path for path, _ in found]
    kept = place_logs(chosen, out)
    console.print(f"{out}: {len(kept)} of {len(recording)} episodes.", soft_wrap=True)


def _told(found: RecordingStats) -> Iterator[str]:
    """Lines for people: no figure is cut, however narrow the terminal is."""
    from fleetloop.datasets.clock_report import clock_lines

    count = len(found.episodes)
    yield (
        f"{count} {'episode' if count == 1 else 'episodes'}, {found.hours * 60:.2f} minutes, "
        f"{found.success_rate:.0%} did their task; content hash {found.content}"
    )
    causes = Counter(episode.cause for episode in found.episodes)
    events: Counter[str] = Counter()
    for episode in found.episodes:
        events.update(episode.events)
    for title, counted in (("ends", causes), ("events", events)):
        listed = ", ".join(f"{name} {number}" for name, number in counted.most_common())
        yield f"{title}: {listed or 'none'}"
    yield "clocks:"
    yield from clock_lines(found.clocks)
    fields = [field for sensor in found.sensors.values() for field in sensor.spread]
    wide = max(map(len, fields), default=0)
    if fields:
        yield f"  {'':{wide}} {'mean':>10} {'std':>10} {'min':>10} {'max':>10}"
    for name, sensor in found.sensors.items():
        yield f"{name}: {sensor.kind}, {sensor.samples} samples"
        for field, spread in sensor.spread.items():
            figures = (spread.mean, spread.std, spread.low, spread.high)
            columns = " ".join(f"{figure:10.4g}" for figure in figures)
            yield f"  {field:{wide}} {columns} {spread.unit}"


def _statistics(place: Path) -> RecordingStats:
    from fleetloop.datasets.recording import Recording
    from fleetloop.datasets.stats import statistics
    from fleetloop.loop.progress import progress_bar

    recording = Recording(place)
    with progress_bar(console) as progress:
        bar = progress.add_task("reading", total=len(recording))
        return statistics(recording, lambda number: progress.update(bar, advance=1))
