"""Snapshots of a partition's state: a short cut for the fold, which can always be thrown away."""

import asyncio
import hashlib
import logging
import os
import struct
from pathlib import Path
from typing import NamedTuple, Protocol

_logger = logging.getLogger(__name__)

_HEADER = struct.Struct("<8s32sq32s")
_MAGIC = b"desksna1"


class Snapshot(NamedTuple):
    """The state folded from the events before `offset`, as bytes of its owner's choice."""

    offset: int
    value: bytes


class SnapshotStore(Protocol):
    """Holds the newest snapshot of each partition."""

    async def load(self, partition: int) -> Snapshot | None:
        """The newest snapshot; None if there is none that can be trusted."""
        ...

    async def save(self, partition: int, snapshot: Snapshot) -> None:
        """Replace the partition's snapshot, all or nothing. Raises OSError."""
        ...


class MemorySnapshots:
    """Snapshots in memory, for tests."""

    def __init__(self) -> None:
        self._snapshots: dict[int, Snapshot] = {}

    async def load(self, partition: int) -> Snapshot | None:
        """See SnapshotStore.load."""
        return self._snapshots.get(partition)

    async def save(self, partition: int, snapshot: Snapshot) -> None:
        """See SnapshotStore.save."""
        self._snapshots[partition] = snapshot


class FileSnapshots:
    """One file per partition: `directory/PARTITION.snapshot`.

    `log` is the identity of the log that the states were folded from. A file that belongs to
    another log, or whose hash differs, is reported in the program's log and then left alone.
    """

    def __init__(self, directory: Path, log: str) -> None:
        self._directory = directory
        self._log = log

    async def load(self, partition: int) -> Snapshot | None:
        """See SnapshotStore.load."""
        return await asyncio.to_thread(self._load, partition)

    async def save(self, partition: int, snapshot: Snapshot) -> None:
        """See SnapshotStore.save."""
        await asyncio.to_thread(self._save, partition, snapshot)

    def _load(self, partition: int) -> Snapshot | None:
        path = self._path(partition)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        snapshot = self._parse(content)
        if snapshot is None:
            _logger.warning("The snapshot %s is damaged or of another log: not used.", path)
        return snapshot

    def _parse(self, content: bytes) -> Snapshot | None:
        if len(content) < _HEADER.size:
            return None
        magic, log, offset, digest = _HEADER.unpack_from(content)
        value = content[_HEADER.size :]
        if magic != _MAGIC or log != self._log_digest() or digest != _digest(offset, value):
            return None
        return Snapshot(offset, value)

    def _save(self, partition: int, snapshot: Snapshot) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        offset, value = snapshot
        header = _HEADER.pack(_MAGIC, self._log_digest(), offset, _digest(offset, value))
        path = self._path(partition)
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(header)
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_directory(self._directory)

    def _path(self, partition: int) -> Path:
        return self._directory / f"{partition}.snapshot"

    def _log_digest(self) -> bytes:
        return hashlib.sha256(self._log.encode()).digest()


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable, as fsync of a file does not."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(offset: int, value: bytes) -> bytes:
    return hashlib.sha256(offset.to_bytes(8, "little") + value).digest()
