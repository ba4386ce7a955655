"""WebDataset shards, RLDS records and ROS 2 bags: streams that can be read from end to end."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from mcap.reader import make_reader

from fleetloop.core.errors import MissingDependencyError
from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding


def check_webdataset(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Counts the samples of each shard."""
    index = json.loads((folder / "index.json").read_text())
    if len(index["shards"]) != len(lineage.episodes):
        yield _error("webdataset", "index.json", "tells of other shards than the lineage")
    for shard in index["shards"]:
        with tarfile.open(folder / shard["shard"]) as tar:
            keys = {name.split(".")[0] for name in tar.getnames()}
        if len(keys) != shard["frames"]:
            yield _error(
                "webdataset", shard["shard"], f"has {len(keys)} samples, not {shard['frames']}"
            )


def check_rlds(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Compares the checksums of every record."""
    try:
        import google_crc32c  # noqa: F401 - read_records needs it

        from fleetloop.datasets.export.rlds.tfrecord import read_records
    except ImportError as error:
        raise MissingDependencyError(
            "Looking into TFRecords needs google-crc32c: pip install 'fleetloop[rlds]'."
        ) from error
    (info_path,) = folder.glob("*/*/dataset_info.json")
    split = json.loads(info_path.read_text())["splits"][0]
    shards = sorted(info_path.parent.glob("*.tfrecord-*"))
    lengths = [int(length) for length in split["shardLengths"]]
    if len(shards) != len(lengths) or sum(lengths) != len(lineage.episodes):
        yield _error("rlds", "dataset_info.json", "its shards are not those that are there")
    for shard, length in zip(shards, lengths, strict=False):
        count = sum(1 for _ in read_records(shard))
        if count != length:
            yield _error("rlds", shard.name, f"has {count} records, not {length}")


def check_ros2(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Reads every message of MCAP bags; looks whether others are there."""
    bags = sorted(path.parent for path in folder.glob("*/metadata.yaml"))
    if len(bags) != len(lineage.episodes):
        yield _error("ros2", "bags", f"{len(bags)} bags of {len(lineage.episodes)} episodes")
    for bag in bags:
        files = [*bag.glob("*.mcap"), *bag.glob("*.db3")]
        if not files:
            yield _error("ros2", bag.name, "has no storage file")
        for path in bag.glob("*.mcap"):
            with path.open("rb") as stream:
                reader = make_reader(stream)
                summary = reader.get_summary()
                count = sum(1 for _ in reader.iter_messages())
            told = summary.statistics if summary else None
            if told is None or told.message_count != count:
                yield _error("ros2", path.name, "its summary counts other messages")


def _error(check: str, where: str, message: str) -> Finding:
    return Finding(severity="error", check=check, where=where, message=message)
