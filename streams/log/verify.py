"""Is the log whole, and as it was written? A quick check at start, a full one in the background.

The check at start compares each place's end and chain with the high-water mark and recomputes
the chain of the last batches. `ChainCheck` recomputes all of it, in steps.
"""

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from streams.log.batches import (
    Batch,
    Place,
    batch_at,
    batches_from,
    last_batch,
    link,
    values_of,
)
from streams.log.errors import Damage, LogAltered, LogTorn
from streams.log.marks import Entry

_QUICK_BATCHES = 32
_QUICK_BYTES = 1 << 20
_STEP_BYTES = 4 << 20


class Progress(NamedTuple):
    """How far the verification is, in records; `total` as it was at the beginning."""

    verified: int
    total: int


def check_start(
    connection: apsw.Connection, places: Sequence[Place], marks: Sequence[Entry]
) -> None:
    """Set each place's head from the file, and prove it. Raises LogTorn or LogAltered."""
    missing: list[Damage] = []
    altered: list[Damage] = []
    for place, mark in zip(places, marks, strict=True):
        try:
            _check_place(connection, place, mark)
        except LogTorn as error:
            missing += error.damages
        except LogAltered as error:
            altered += error.damages
        except apsw.Error as error:
            altered.append(place.damage(0, mark.end, f"SQLite says: {error}"))
    if missing:
        raise LogTorn(*missing, *altered)
    if altered:
        raise LogAltered(*altered)


def _check_place(connection: apsw.Connection, place: Place, mark: Entry) -> None:
    genesis = place.chain
    last = last_batch(connection, place)
    if last is not None:
        place.end, place.chain = last.end, last.chain
    if place.end < mark.end:
        detail = f"acknowledged, but the log ends at offset {place.end}"
        raise LogTorn(place.damage(place.end, mark.end, detail))
    if mark.end:
        _check_mark(connection, place, mark)
    check = ChainCheck(place, place.end)
    check.begin_near_end(connection, genesis, mark.end)
    while not check.done:
        check.step(connection)


def _check_mark(connection: apsw.Connection, place: Place, mark: Entry) -> None:
    batch = batch_at(connection, place, mark.end - 1)
    if batch is None:
        raise LogTorn(place.damage(0, mark.end, "missing from the start of the log"))
    if batch.end != mark.end or batch.chain != mark.chain:
        detail = "the batch is not the one that was acknowledged: its hash differs"
        raise LogAltered(place.damage(batch.first, batch.end, detail))


class ChainCheck:
    """Recomputes the chain of one place up to `end`, from its beginning unless told otherwise."""

    def __init__(self, place: Place, end: int, chain: bytes = b"") -> None:
        self._place = place
        self._end = end
        self._chain = chain
        self.offset = 0

    @property
    def done(self) -> bool:
        """Whether all of it is verified."""
        return self.offset >= self._end

    def begin_near_end(self, connection: apsw.Connection, genesis: bytes, mark: int) -> None:
        """Start some batches before the end: where the mark stands, or before that."""
        offset, size, number = self._end, 0, 0
        while batch := batch_at(connection, self._place, offset - 1):
            self._chain, self.offset, offset = batch.chain, batch.end, batch.first
            size += len(batch.body)
            number += 1
            if batch.end <= mark and (number > _QUICK_BATCHES or size > _QUICK_BYTES):
                return
        self._chain, self.offset = genesis, 0

    def step(self, connection: apsw.Connection) -> None:
        """Verify the next batches, some MiB. Raises LogTorn, LogAltered."""
        size = 0
        try:
            for batch in batches_from(connection, self._place, self.offset):
                self._take(batch)
                size += len(batch.body)
                if size >= _STEP_BYTES or self.done:
                    return
        except apsw.Error as error:
            detail = f"SQLite says: {error}"
            raise LogAltered(self._place.damage(self.offset, self._end, detail)) from error
        raise LogTorn(self._place.damage(self.offset, self._end, "the records are missing"))

    def _take(self, batch: Batch) -> None:
        if batch.first != self.offset:
            raise LogTorn(self._place.damage(self.offset, batch.first, "the records are missing"))
        if batch.chain != link(self._chain, batch.first, batch.at, batch.body):
            detail = "the hash of the batch differs from its chain"
            raise LogAltered(self._place.damage(batch.first, batch.end, detail))
        values_of(self._place, batch)
        self._chain, self.offset = batch.chain, batch.end
