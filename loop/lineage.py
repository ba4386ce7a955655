"""From any brain back to its data, code and seeds, by the manifests of the stages that made it.

A manifest names the stages that went in by folder and digest, so the way back needs nothing but the
campaign's folder. `lint` looks for what must not be on that way: a held-out world.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import StorageError
from fleetloop.loop.campaign.drivers import BRAIN
from fleetloop.loop.campaign.run import INDEX
from fleetloop.loop.campaign.store import MANIFEST, Manifest, read_manifest

_BRAIN_CARD = "brain.json"
_SPLITS_HELD_OUT = ("dev", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A stage on the way back.

    Attributes:
        folder: Of its result.
        manifest: What it says.
        role: Under which name the stage after it read it; empty for the first.
        depth: Steps back.
    """

    folder: Path
    manifest: Manifest
    role: str
    depth: int


def stage_of(model: Path) -> Path:
    """The folder of the stage that holds a model.

    Args:
        model: A checkpoint, or anything within a stage's folder, or that folder; or a campaign's
            folder, which stands for its last promoted brain.

    Raises:
        StorageError: It is not part of a campaign.
    """
    index = model / INDEX
    if index.exists():
        names: dict[str, str] = json.loads(index.read_text())
        rounds = [name for name in names if name.endswith(".loop.promote")]
        if not rounds:
            raise StorageError(f"The campaign in {model} has promoted no brain yet: let it go on.")
        last = max(rounds, key=lambda name: int(name[1:].split(".")[0]))
        return model / "stages" / names[last]
    here = model.resolve()
    for folder in (here, *here.parents):
        if (folder / MANIFEST).exists():
            return folder
    raise StorageError(
        f"{model} is in no result of a campaign: give a brain's folder there, or the campaign's."
    )


def way_back(stage: Path) -> Iterator[Node]:
    """A stage and all that went into it, each once, depth first.

    Raises:
        StorageError: A stage on the way is missing.
    """
    seen: set[str] = set()
    waiting = [(stage, "", 0)]
    while waiting:
        folder, role, depth = waiting.pop()
        if folder.name in seen:
            continue
        seen.add(folder.name)
        manifest = read_manifest(folder)
        yield Node(folder=folder, manifest=manifest, role=role, depth=depth)
        for name, source in sorted(manifest.inputs.items(), reverse=True):
            waiting.append((folder.parent / source, name, depth + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestry:
    """A brain's way back, summed up.

    Attributes:
        weights_sha256: Names the brain.
        trainings: Digest of the weights of each training on the way, newest first.
        seeds: Seeds of the episodes that it learnt from, by task and by who drove.
        rows: Labelled decisions in the newest training.
        triggers: Frames by the trigger that chose them.
        versions: Of the packages that trained it.
        stages: Number of stages on the way.
    """

    weights_sha256: str
    trainings: tuple[str, ...]
    seeds: Mapping[str, tuple[int, ...]]
    rows: int
    triggers: Mapping[str, int]
    versions: Mapping[str, str]
    stages: int


def ancestry(stage: Path) -> Ancestry:
    """Sums up the way back of the brain in a stage."""
    card = json.loads((stage / BRAIN / BRAIN / _BRAIN_CARD).read_text())
    trainings: list[str] = []
    rows = 0
    seeds: dict[str, set[int]] = {}
    triggers: dict[str, int] = {}
    nodes = list(way_back(stage))
    for node in nodes:
        if node.manifest.kind == "train":
            told = json.loads((node.folder / BRAIN / "training.json").read_text())
            trainings.append(told["weights_sha256"])
            rows = max(rows, int(told["rows"]))
        elif node.manifest.kind == "collect":
            who = node.manifest.options["policy"]
            for episode in node.manifest.options["episodes"]:
                seeds.setdefault(f"{episode['task']} by {who}", set()).add(int(episode["seed"]))
        elif node.manifest.kind == "mine":
            data = json.loads((node.folder / "clips" / "clips.json").read_text())
            for clip in data["clips"]:
                frames = clip["stop"] - clip["first"]
                triggers[clip["trigger"]] = triggers.get(clip["trigger"], 0) + frames
    return Ancestry(
        weights_sha256=card["weights_sha256"],
        trainings=tuple(dict.fromkeys(trainings)),
        seeds={name: tuple(sorted(found)) for name, found in sorted(seeds.items())},
        rows=rows,
        triggers=dict(sorted(triggers.items())),
        versions=card["lineage"].get("versions", {}),
        stages=len(nodes),
    )


def difference(first: Path, second: Path) -> list[tuple[str, str, str]]:
    """What differs between the ways back of two brains: what, in the first, in the second."""
    one, two = ancestry(first), ancestry(second)
    lines: list[tuple[str, str, str]] = []

    def compare(what: str, a: object, b: object) -> None:
        if a != b:
            lines.append((what, str(a), str(b)))

    compare("weights", one.weights_sha256[:16], two.weights_sha256[:16])
    compare("trainings", len(one.trainings), len(two.trainings))
    compare("labelled rows", one.rows, two.rows)
    for name in sorted({*one.seeds, *two.seeds}):
        a, b = set(one.seeds.get(name, ())), set(two.seeds.get(name, ()))
        compare(f"episodes of {name}", f"{len(a)} ({len(a - b)} of its own)",
                f"{len(b)} ({len(b - a)} of its own)")  # fmt: skip
    for name in sorted({*one.triggers, *two.triggers}):
        compare(f"frames by {name}", one.triggers.get(name, 0), two.triggers.get(name, 0))
    for name in sorted({*one.versions, *two.versions}):
        compare(f"version of {name}", one.versions.get(name, "-"), two.versions.get(name, "-"))
    for name, values in _options(first, second).items():
        compare(f"option {name}", *values)
    return lines


def lint(out: Path) -> list[str]:
    """Held-out worlds that a brain of a campaign has learnt from, in words; none if all is well.

    A world is held out if it is a dev or test case: the same task, options and seed, or the same
    task and seed whatever the options.
    """
    index: dict[str, str] = json.loads((out / INDEX).read_text())
    taught: dict[tuple[str, int], str] = {}
    held: dict[tuple[str, int], str] = {}
    for name, folder in index.items():
        manifest = read_manifest(out / "stages" / folder)
        if manifest.kind == "collect":
            for episode in manifest.options["episodes"]:
                taught[episode["task"], int(episode["seed"])] = name
        elif manifest.kind == "evaluate" and manifest.options["split"] in _SPLITS_HELD_OUT:
            for case in manifest.options["cases"]:
                held[case["task"], int(case["seed"])] = name
    return [
        f"{task} seed {seed} is taught by {taught[task, seed]} and asked by {held[task, seed]}"
        for task, seed in sorted(taught.keys() & held.keys())
    ]


def _options(first: Path, second: Path) -> dict[str, tuple[str, str]]:
    """Options of the newest training that differ, flattened."""
    flat = []
    for stage in (first, second):
        node = next((n for n in way_back(stage) if n.manifest.kind == "train"), None)
        flat.append({} if node is None else _flattened(node.manifest.options))
    return {
        name: (flat[0].get(name, "-"), flat[1].get(name, "-"))
        for name in sorted({*flat[0], *flat[1]})
        if flat[0].get(name) != flat[1].get(name)
    }


def _flattened(value: Any, prefix: str = "") -> dict[str, str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        found: dict[str, str] = {}
        for name, entry in value.items():
            found |= _flattened(entry, f"{prefix}{name}.")
        return found
    return {prefix.rstrip("."): canonical_json(value)}
