"""Snapshots of a decider's state, taken piece by piece between its batches.

Freezing everything at once would hold up what is being decided (20 ms and more), so a snapshot
is a list of frozen parts of the partition, each a `Partition` with a slice of the accounts or
of the memory of keys. The parts are taken over several batches: an account's part can be newer
than the snapshot's offset. `fold` skips what an account has already taken up (`Account.source`),
so that folding on from the offset arrives at the state all the same.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from schemas.decisions import Decision
from streams.acceptance import Acceptance
from streams.domain.partition import freeze, thaw
from streams.domain.state import Account, Generation, Partition, Recent
from streams.errors import SnapshotUnusable
from streams.log.snapshots import Snapshot, SnapshotStore

ACCOUNTS = 16
"""Accounts in one part."""

KEYS = 4_000
"""Actions or keys in one part: less than a millisecond's work."""

log_ = logging.getLogger(__name__)


class _Content(msgspec.Struct, array_like=True):
    """A snapshot's value: the reader's position and the frozen parts."""

    acceptance: Acceptance
    parts: list[bytes]


class _Capture(NamedTuple):
    """A snapshot in the making."""

    acceptance: Acceptance
    frozen: list[bytes]
    remaining: Iterator[Partition]


class Snapshotting:
    """Takes and loads the snapshots of one partition."""

    def __init__(self, store: SnapshotStore, partition: int, *, every: int) -> None:
        """`every`: decisions between two snapshots."""
        self._store = store
        self._number = partition
        self._every = every
        self._since = 0
        self._capture: _Capture | None = None
        self._saving: asyncio.Task[None] | None = None
        self.taken = 0

    async def load(self) -> tuple[Partition, Acceptance]:
        """The newest snapshot's state and position, or the empty ones; begins a new term."""
        self._capture = None
        self._since = 0
        if self._saving is not None:
            await self._saving
        snapshot = await self._store.load(self._number)
        if snapshot is None:
            return Partition(), Acceptance()
        try:
            return _merge(snapshot.value)
        except SnapshotUnusable as error:
            log_.warning("partition %d: the snapshot is not used: %s", self._number, error)
            return Partition(), Acceptance()

    def observe(self, _decision: Decision) -> None:
        """Count one decision."""
        self._since += 1

    @property
    def due(self) -> bool:
        """Whether `advance` has something to do."""
        if self._capture is not None:
            return True
        return self._since >= self._every and (self._saving is None or self._saving.done())

    def advance(self, partition: Partition, acceptance: Acceptance) -> None:
        """Begin a snapshot when it is time, or take the next part of it.

        Call it only while all that was folded is on the log: between two batches.
        """
        if self._capture is not None:
            self._take_part(self._capture)
        elif self.due:
            self._since = 0
            self._capture = _begin(partition, acceptance)

    async def close(self) -> None:
        """Wait for a snapshot that is being written."""
        if self._saving is not None:
            await self._saving

    def _take_part(self, capture: _Capture) -> None:
        part = next(capture.remaining, None)
        if part is not None:
            capture.frozen.append(freeze(part))
            return
        self._capture = None
        self._saving = asyncio.create_task(self._save(capture))

    async def _save(self, capture: _Capture) -> None:
        content = _Content(capture.acceptance, capture.frozen)
        try:
            value = await asyncio.to_thread(msgspec.msgpack.encode, content)
            await self._store.save(self._number, Snapshot(capture.acceptance.offset, value))
        except OSError as error:  # a disk that is full: the log's tail gets longer, no more
            log_.warning("partition %d: no snapshot: %s", self._number, error)
        else:
            self.taken += 1


def _begin(partition: Partition, acceptance: Acceptance) -> _Capture:
    """What changes as a whole is taken at once; the accounts one by one, later."""
    recent = partition.recent
    head = Partition(
        recent=Recent(since=recent.since), source=partition.source, chain=partition.chain
    )
    slices = itertools.chain(
        _slices(recent.old.answers.copy(), recent.old.keys.copy(), old=True),
        _slices(recent.young.answers.copy(), recent.young.keys.copy(), old=False),
        _accounts(list(partition.accounts.values())),
    )
    position = Acceptance(acceptance.fence, acceptance.source, 0, acceptance.offset)
    return _Capture(position, [freeze(head)], slices)


def _slices(answers: dict[str, str], keys: dict[str, str], *, old: bool) -> Iterator[Partition]:
    for generation in itertools.chain(
        (Generation(answers=part) for part in _batched(answers)),
        (Generation(keys=part) for part in _batched(keys)),
    ):
        yield Partition(recent=Recent(old=generation) if old else Recent(young=generation))


def _batched(entries: dict[str, str]) -> Iterator[dict[str, str]]:
    items = iter(entries.items())
    while part := dict(itertools.islice(items, KEYS)):
        yield part


def _accounts(accounts: list[Account]) -> Iterator[Partition]:
    for start in range(0, len(accounts), ACCOUNTS):
        part = accounts[start : start + ACCOUNTS]
        yield Partition(accounts={account.id: account for account in part})


def _merge(value: bytes) -> tuple[Partition, Acceptance]:
    try:
        content = msgspec.msgpack.decode(value, type=_Content)
    except msgspec.DecodeError as error:
        raise SnapshotUnusable(str(error)) from error
    head, *parts = [thaw(part) for part in content.parts]
    for part in parts:
        head.accounts.update(part.accounts)
        for whole, piece in (
            (head.recent.old, part.recent.old),
            (head.recent.young, part.recent.young),
        ):
            whole.answers.update(piece.answers)
            whole.keys.update(piece.keys)
    return head, content.acceptance
