"""`fleetloop train`: a brain from recorded episodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fleetloop.loop.terminal import Seed, console


def train(
    logs: Annotated[list[Path], typer.Argument(help="Folders of logs, or logs.")],
    out: Annotated[Path, typer.Option(help="Folder of the brain, made if it is not there.")],
    preset: Annotated[str, typer.Option(help="smoke, laptop, small or gpu.")] = "laptop",
    brain: Annotated[str, typer.Option(help="cnn, laptop, small, gpu.")] = "",
    init: Annotated[Path | None, typer.Option(help="Brain to go on from.")] = None,
    steps: Annotated[int | None, typer.Option(help="Batches; the preset's if left out.")] = None,
    precision: Annotated[str, typer.Option(help="fp32, bf16, or auto, which tries both.")] = "fp32",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for curves.")] = None,
    seed: Seed = 0,
) -> None:
    """Train a brain on recorded episodes. Run it again to go on where it was stopped."""
    from dataclasses import replace

    from fleetloop.agents.brain.config import brain_preset
    from fleetloop.agents.brain.torch_need import need_torch
    from fleetloop.agents.training.gather import logs_of, make_shards, spec_of_logs
    from fleetloop.agents.training.imitation import train as run
    from fleetloop.agents.training.presets import train_preset
    from fleetloop.core.config import from_json, to_json
    from fleetloop.loop.progress import progress_bar

    need_torch()
    chosen = train_preset(preset)
    paths = logs_of(logs)
    spec = spec_of_logs(paths, horizon=chosen.horizon)
    config = chosen.config(spec, first=init is None)
    if brain:
        config = replace(config, brain=brain_preset(brain))
    # Through JSON, so that a wrong word is told as every wrong option is.
    options = {"precision": precision, "device": device, "steps": steps or config.steps}
    config = from_json(type(config), to_json(config) | options)
    with progress_bar(console) as progress:
        bar = progress.add_task("labels from logs", total=len(paths))
        shards = make_shards(paths, out / "shards", spec, lambda _: progress.advance(bar))
        learning = progress.add_task("learning", total=config.steps)

        def on_step(done: int, steps: int, losses: Mapping[str, float]) -> None:
            told = f"learning, actions off by {losses['action']:.3f}"
            progress.update(learning, completed=done, description=told)

        report = run(
            config, shards, out, init=init, seed=seed, progress=on_step, tensorboard=tensorboard
        )
        progress.update(learning, completed=config.steps)
    console.print(
        f"{out} holds the brain {report.weights_sha256[:12]}: {report.steps} batches of "
        f"{report.rows} moments, {report.cpu_s:.0f} s of CPU, {report.precision} on "
        f"{report.device}. Measure it with `fleetloop eval {out}`.",
        soft_wrap=True,
    )
