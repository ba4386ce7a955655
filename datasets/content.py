"""What a log says, as one hash, whatever way it was packed into its file.

The hash covers the description, every message with its times, and the outcome; not the chunks, the
index, or the copies for viewers. So a log that was repaired without loss, or packed anew, keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

from mcap.records import Channel, Message, Metadata

from fleetloop.core.digest import canonical_json
from fleetloop.datasets.log.reader import damage_told, opened, stream_records
from fleetloop.datasets.recording import RecordedEpisode


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def episode_hash(episode: RecordedEpisode) -> str:
    """SHA-256 of all that a log says, as hexadecimal text; reads it once.

    Raises:
        DamagedFileError: Its checksums do not hold.
    """
    digest = hashlib.sha256()
    topics: dict[int, str] = {}
    described: list[str] = []
    with opened(episode.path) as stream, damage_told(episode.path):
        for record in stream_records(stream):
            if isinstance(record, Channel):
                if record.metadata.get("stream") != "mirror":
                    topics[record.id] = record.topic
            elif isinstance(record, Message) and record.channel_id in topics:
                head = [topics[record.channel_id], record.publish_time, record.log_time]
                _add(digest, canonical_json(head).encode())
                _add(digest, record.data)
            elif isinstance(record, Metadata):
                described.append(canonical_json([record.name, dict(record.metadata)]))
    # Where metadata stands among the chunks is no part of what is said.
    for text in sorted(described):
        _add(digest, text.encode())
    return digest.hexdigest()


def dataset_hash(hashes: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over the (episode id, hash) of its episodes, in whatever order they come."""
    digest = hashlib.sha256()
    for name, content in sorted(hashes):
        _add(digest, name.encode())
        _add(digest, content.encode())
    return digest.hexdigest()


def _add(digest: _Hash, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
