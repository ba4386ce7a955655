"""Saves what can be read of a log that was cut or damaged.

Whole steps are kept: a repaired log ends with the last step before the damage, together with all
that was sensed until then.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mcap.records import Attachment, Channel, McapRecord, Message, Metadata
from mcap.records import Schema as SchemaRecord
from mcap.writer import CompressionType, Writer

from fleetloop.core.errors import DamagedFileError, StorageError
from fleetloop.datasets.log.reader import DAMAGE, opened, stream_records
from fleetloop.datasets.log.writer import LIBRARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What a repair found.

    Attributes:
        steps: Control steps saved.
        messages: Messages saved.
        lost_messages: Messages that could be read and belong to the step that is incomplete.
        damage: What ended the reading; empty for a file without damage.
        ended: Whether the episode's own end was there.
    """

    steps: int
    messages: int
    lost_messages: int
    damage: str
    ended: bool


def repair(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Repair:
    """Writes what can be read of `source` to `target`; `source` is left as it is.

    Raises:
        StorageError: One cannot be opened, or `target` exists.
        DamagedFileError: Not even the episode's description can be read.
    """
    source, target = Path(source), Path(target)
    if target.exists():
        raise StorageError(f"{target} exists already: choose another name for the repaired log.")
    part = target.with_name(target.name + ".part")
    try:
        with opened(source) as stream, open(part, "wb") as file:
            writer = Writer(file, compression=CompressionType.ZSTD, enable_crcs=True)
            writer.start(profile="", library=LIBRARY)
            copy = _Copy(writer)
            damage = ""
            try:
                for record in stream_records(stream):
                    copy.add(record)
            except DAMAGE as error:
                damage = f"{type(error).__name__}: {error}".rstrip(": ")
            writer.finish()  # type: ignore[no-untyped-call]
            file.flush()
            os.fsync(file.fileno())
        if not copy.described:
            raise DamagedFileError(f"Nothing of {source} can be saved: {damage or 'no episode'}.")
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"Cannot write {target}: {error.strerror or error}.") from error
    return Repair(
        steps=copy.steps,
        messages=copy.messages,
        lost_messages=len(copy.held),
        damage=damage,
        ended=copy.ended,
    )


class _Copy:
    """Hands records on, messages only once the step that they belong to is whole."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._schemas: dict[int, int] = {0: 0}
        self._channels: dict[int, int] = {}
        self._step_channels: set[int] = set()
        self.held: list[Message] = []
        self.steps = self.messages = 0
        self.described = self.ended = False

    def add(self, record: McapRecord) -> None:
        """Takes the next record."""
        if isinstance(record, SchemaRecord):
            if record.id not in self._schemas:
                self._schemas[record.id] = self._writer.register_schema(
                    record.name, record.encoding, record.data
                )
        elif isinstance(record, Channel):
            self._add_channel(record)
        elif isinstance(record, Message):
            self._add_message(record)
        elif isinstance(record, Metadata):
            self._add_metadata(record)
        elif isinstance(record, Attachment):
            self._writer.add_attachment(
                record.create_time, record.log_time, record.name, record.media_type, record.data
            )

    def _add_channel(self, record: Channel) -> None:
        if record.id in self._channels:
            return
        self._channels[record.id] = self._writer.register_channel(
            record.topic,
            record.message_encoding,
            self._schemas[record.schema_id],
            dict(record.metadata),
        )
        if record.metadata.get("stream") == "step":
            self._step_channels.add(record.id)

    def _add_message(self, record: Message) -> None:
        self.held.append(record)
        if record.channel_id not in self._step_channels:
            return
        self.steps += 1
        self._release()

    def _add_metadata(self, record: Metadata) -> None:
        self.described |= record.name == "fleetloop.episode"
        if record.name == "fleetloop.outcome":
            # What follows the last step, such as its events, belongs to a whole episode.
            self._release()
            self.ended = True
        self._writer.add_metadata(record.name, dict(record.metadata))

    def _release(self) -> None:
        for held in self.held:
            self._writer.add_message(
                self._channels[held.channel_id],
                log_time=held.log_time,
                publish_time=held.publish_time,
                sequence=held.sequence,
                data=held.data,
            )
        self.messages += len(self.held)
        self.held = []
