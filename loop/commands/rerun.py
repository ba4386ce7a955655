"""`fleetloop rerun`: a frozen situation once more, by a brain, recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fleetloop.loop.terminal import console


def rerun(
    place: Annotated[Path, typer.Argument(help="A scenario file.")],
    out: Annotated[Path, typer.Option(help="Folder for the log.")],
    brain: Annotated[Path | None, typer.Option(help="A brain's folder; else the expert.")] = None,
) -> None:
    """Run a frozen situation by a brain or the expert, and record it for `fleetloop view`."""
    from fleetloop.agents.experts import EXPERTS
    from fleetloop.agents.policy import Policy
    from fleetloop.agents.rollout import rollout
    from fleetloop.core.scenario import read_scenario
    from fleetloop.datasets.log.writer import EpisodeWriter
    from fleetloop.envs.registration import make_env

    found = read_scenario(place)
    env = make_env(found.task, **found.env)
    try:
        policy: Policy[Any]
        if brain is None:
            policy = EXPERTS.get(found.task)()
        else:
            from fleetloop.agents.brain.policy import BrainPolicy

            policy = BrainPolicy.load(brain, found.task)
        with EpisodeWriter(out) as writer:
            done = rollout(env, policy, found.seed, [writer], max_steps=found.max_steps)
            path = writer.path(env.episode_meta(policy.name).episode_id)
    finally:
        env.close()
    how = "[green]done[/green]" if done.success else f"[yellow]{done.cause}[/yellow]"
    console.print(f"{found.name}: {how} after {done.duration_s:.1f} s, in {path}", soft_wrap=True)
    if found.digest and policy.name == found.found_by:
        same = done.digest == found.digest
        console.print("The same bytes as when it was frozen." if same else
                      "[yellow]Not the bytes of when it was frozen.[/yellow]")  # fmt: skip
