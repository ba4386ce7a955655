"""`fleetloop record`: episodes into logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fleetloop.loop.terminal import CORES, Seed, Threads, console


def record(
    out: Annotated[Path, typer.Option(help="Folder of the logs, made if it is not there.")],
    task: Annotated[str, typer.Option(help="See `fleetloop list tasks`.")] = (
        "fleetloop/LaneFollow-v0"
    ),
    episodes: Annotated[int, typer.Option(help="How many.")] = 4,
    seed: Seed = 0,
    policy: Annotated[str, typer.Option(help="expert or random.")] = "expert",
    rig: Annotated[str, typer.Option(help="Sensors, see `fleetloop list rigs`.")] = "",
    labels: Annotated[
        str, typer.Option(help="Labels of every camera, such as depth_m,normal; or all.")
    ] = "",
    physics: Annotated[str, typer.Option(help="full or fast.")] = "full",
    obs_mode: Annotated[str, typer.Option(help="state, camera, range or all.")] = "all",
    max_steps: Annotated[int | None, typer.Option(help="Cuts each episode.")] = None,
    lossless: Annotated[bool, typer.Option(help="Keep camera pictures exact.")] = False,
    threads: Threads = CORES,
) -> None:
    """Record episodes, one MCAP log each. Run it again to go on where it was stopped."""
    from fleetloop.core.types import Step
    from fleetloop.loop.progress import progress_bar
    from fleetloop.loop.record import Recorded, RecordPlan
    from fleetloop.loop.record import record as run
    from fleetloop.loop.rigs import label_names, labelled_rig

    options: dict[str, Any] = {"obs_mode": obs_mode, "physics": physics}
    sensors: Any = rig or None
    if labels:
        sensors = labelled_rig({"task": task, **options}, sensors, label_names(labels))
    plan = RecordPlan(
        out=out,
        task=task,
        episodes=episodes,
        seed=seed,
        policy=policy,
        max_steps=max_steps,
        lossless=lossless,
        env_options={**options, "rig": sensors, "threads": threads},
    )
    console.print(
        f"Recording {episodes} episodes of {task} into {out}. The first run on a machine compiles "
        "kernels for some seconds."
    )
    with progress_bar(console) as progress:
        bar = progress.add_task("episodes", total=episodes)

        def on_step(number: int, step: Step) -> None:
            # An episode's length is not known before its end: steps are told, not counted on.
            progress.update(bar, description=f"episode {number + 1}, {step.t_ns * 1e-9:.1f} s")

        def on_episode(number: int, recorded: Recorded) -> None:
            progress.update(bar, advance=1)
            progress.console.print(_told(recorded), soft_wrap=True)

        done = run(plan, on_step, on_episode)
    wins = sum(recorded.outcome.success for recorded in done)
    console.print(f"{len(done)} episodes are in {out}; {wins} did their task.")


def _told(recorded: Any) -> str:  # noqa: ANN401 - Recorded, whose module is slow to import
    outcome = recorded.outcome
    end = "[green]done[/green]" if outcome.success else f"[yellow]{outcome.cause}[/yellow]"
    there = " (was there)" if recorded.was_there else ""
    if recorded.other_code:
        there += " [yellow]made by other code[/yellow]: `fleetloop replay` compares it"
    return (
        f"{recorded.path.name}: {outcome.steps} steps, {outcome.duration_s:.1f} s, {end}, "
        f"digest {outcome.digest[:16]}{there}"
    )
