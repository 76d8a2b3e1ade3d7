"""The high-water mark: what the log held when it last acknowledged, outside the SQLite file.

A WAL that has lost its end opens as a clean prefix without any error, so the end and the chain
of each topic's partition are also kept in the small file `log.high-water`.

The mark is written after the commit and before the acknowledgement, with a plain write (5 µs);
it is synced at most SYNC_SECONDS later. So, of what was acknowledged, nothing can go missing
unnoticed as long as the operating system runs, however the process ends. After a loss of power
too, unless the disk has also lost what it had reported as synced: then what was acknowledged
within the last SYNC_SECONDS can go unnoticed. A sync before each acknowledgement would close
that gap for one more fdatasync per commit (decision record 006).

The file has two slots, each with a checksum. A sync makes one durable, then writing goes on in
the other, so a torn write can never destroy the last durable mark.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from streams.log.batches import Place
from streams.log.errors import MarkLost
from streams.log.snapshots import sync_directory

SYNC_SECONDS: Final = 0.05

_MAGIC = b"deskhwm1"
_HEADER = struct.Struct("<8s32sQI")  # magic, identity, sequence, number of entries
_ENTRY = struct.Struct("<q32s")  # end, chain
_CHECKSUM = struct.Struct("<I")
_PAGE = 4096


class Entry(NamedTuple):
    """The offset after the last acknowledged record of a place, and the chain there."""

    end: int
    chain: bytes


class Mark(NamedTuple):
    """What was read from the file; one entry for each place, in the order of the places."""

    identity: str
    entries: list[Entry]
    sequence: int
    slot: int


class HighWaterMark:
    """The open file. Belongs to the writer thread."""

    def __init__(self, descriptor: int, mark: Mark) -> None:
        self._descriptor = descriptor
        self._size = _HEADER.size + len(mark.entries) * _ENTRY.size
        self._buffer = bytearray(self._size + _CHECKSUM.size)
        self._identity = mark.identity.encode()
        self._number = len(mark.entries)
        self._sequence = mark.sequence
        self._slot = 1 - mark.slot
        self.synced = True
        for index, entry in enumerate(mark.entries):
            _ENTRY.pack_into(self._buffer, _HEADER.size + index * _ENTRY.size, *entry)

    @classmethod
    def create(cls, path: Path, identity: str, places: Sequence[Place]) -> Self:
        """Make the file durably, or replace it, with the heads of the places. Raises OSError."""
        new = path.with_suffix(".new")
        entries = [Entry(place.end, place.chain) for place in places]
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        mark = cls(descriptor, Mark(identity, entries, 0, 1))
        os.pwrite(descriptor, bytes(2 * _slot_bytes(len(entries))), 0)
        mark.write()
        os.fsync(descriptor)
        mark.sync()
        new.replace(path)
        sync_directory(path.parent)
        return mark

    @classmethod
    def open(cls, path: Path, mark: Mark) -> Self:
        """Go on with a file that was read. Raises OSError."""
        return cls(os.open(path, os.O_RDWR | os.O_CLOEXEC), mark)

    def note(self, index: int, end: int, chain: bytes) -> None:
        """Take up the new head of the place with this index; `write` tells the file."""
        _ENTRY.pack_into(self._buffer, _HEADER.size + index * _ENTRY.size, end, chain)

    def write(self) -> None:
        """Hand the mark to the operating system. Raises OSError."""
        self._sequence += 1
        _HEADER.pack_into(self._buffer, 0, _MAGIC, self._identity, self._sequence, self._number)
        checksum = zlib.crc32(memoryview(self._buffer)[: self._size])
        _CHECKSUM.pack_into(self._buffer, self._size, checksum)
        os.pwrite(self._descriptor, self._buffer, self._slot * _slot_bytes(self._number))
        self.synced = False

    def sync(self) -> None:
        """Make the mark durable. Raises OSError."""
        if not self.synced:
            os.fdatasync(self._descriptor)
            self._slot = 1 - self._slot
            self.synced = True

    def close(self) -> None:
        """Make the mark durable and close the file. Raises OSError."""
        self.sync()
        os.close(self._descriptor)


def read_mark(path: Path) -> Mark | None:
    """The newest mark in the file; None if there is no file. Raises MarkLost if it is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    middle = len(content) // 2
    slots = [_parse(content[:middle], 0), _parse(content[middle:], 1)]
    marks = [mark for mark in slots if mark is not None]
    if not marks:
        raise MarkLost(f"The high-water mark {path} is damaged.")
    return max(marks, key=lambda mark: mark.sequence)


def _parse(content: bytes, slot: int) -> Mark | None:
    if len(content) < _HEADER.size:
        return None
    magic, identity, sequence, number = _HEADER.unpack_from(content)
    size = _HEADER.size + number * _ENTRY.size
    if magic != _MAGIC or len(content) != _slot_bytes(number):
        return None
    if _CHECKSUM.unpack_from(content, size)[0] != zlib.crc32(content[:size]):
        return None
    entries = [Entry(*entry) for entry in _ENTRY.iter_unpack(content[_HEADER.size : size])]
    return Mark(identity.decode(), entries, sequence, slot)


def _slot_bytes(entries: int) -> int:
    size = _HEADER.size + entries * _ENTRY.size + _CHECKSUM.size
    return -(-size // _PAGE) * _PAGE
