"""An import: an exported installation on another log, with ids and versions unchanged.

The hash of a decision covers its place (`source`, `fence`, `prev`), and places change. So each
decision is chained anew to its account's previous one as it stands now, and the whole new history
to the old one: the first decision of every partition is about a record that is no action and
that names the SHA-256 of the export, in which the old chain can be verified to its last record.

What is written depends on the file alone, so an import that was interrupted is done again by the
same command: what is there already is compared instead of written.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from schemas import codec
from schemas.decisions import Decision, Fence
from schemas.refusals import MalformedRecord
from streams.acceptance import Acceptance
from streams.domain.partition import judge_malformed
from streams.log.partitioner import partition_of
from streams.log.port import DURABLE_TOPICS, Log, Topic
from streams.transfer.archive import (
    AccountTally,
    AnyLine,
    Decided,
    End,
    Header,
    Keys,
    Pending,
    Visit,
    read_archive,
)
from streams.transfer.errors import ArchiveDamaged, LogNotEmpty, TransferBroken
from streams.transfer.exporting import BATCH, Progress
from streams.transfer.ledger import Ledger

BATCH_BYTES: Final = 512 * 1024
"""Bytes appended at once, but for what one record has more."""

DECIDER: Final = "import"
"""Whose fence the imported decisions stand under."""

LOST_ACTION: Final = b'{"type":"lost"}'
"""Stands for an action that the exported log did not have any more; nobody reads it again."""


class _Named(msgspec.Struct):
    account: str = ""


_NAMED: Final = msgspec.json.Decoder(_Named)


class Contents(msgspec.Struct):
    """What a proven file holds, apart from its records."""

    header: Header
    end: End
    accounts: dict[str, AccountTally]
    keys: Keys | None = None
    began_at: int = 0
    """Time of the oldest decision (ms since 1970)."""


def prove(path: Path, progress: Progress | None = None) -> Contents:
    """Read the whole file: its hash, the old chain, and that the accounts are as it says.

    `progress` is told decisions, of an unknown number (0). Raises ArchiveDamaged, ChainBroken,
    TransferBroken, OSError.
    """
    for _ in read_archive(path):
        pass  # the hash comes last; what does not have it is damaged, whatever else it seems
    ledger = Ledger()
    header: Header | None = None
    end: End | None = None
    keys: Keys | None = None
    began_at, done = 0, 0
    accounts: dict[str, AccountTally] = {}
    for line in read_archive(path):
        match line:
            case Header():
                header = line
            case Keys():
                keys = line
            case Decided():
                decision = decision_of(line)
                ledger.take(line.partition, decision, line.decision.encode())
                began_at = began_at or decision.at
                done += 1
                if progress is not None and done % BATCH == 0:
                    progress(done, 0)
            case AccountTally():
                accounts[line.account] = line
            case End():
                end = line
    assert header is not None
    assert end is not None
    ledger.compare(accounts, str(path))
    return Contents(header, end, accounts, keys, began_at)


def decision_of(line: Decided) -> Decision:
    """The decision in a line. Raises ArchiveDamaged."""
    try:
        decision = codec.decode_event_record(line.decision.encode())
    except MalformedRecord as error:
        raise ArchiveDamaged(f"A decision of newer code, or none: {error}") from error
    if not isinstance(decision, Decision):
        raise ArchiveDamaged("A fence stands where a decision should.")
    return decision


class Target:
    """One partition of the new log, written from its first record on."""

    def __init__(self, log: Log, number: int, ledger: Ledger) -> None:
        self._log = log
        self._number = number
        self._ledger = ledger
        self._positions: dict[Topic, int] = dict.fromkeys(DURABLE_TOPICS, 0)
        self._waiting: dict[Topic, list[bytes]] = {topic: [] for topic in DURABLE_TOPICS}
        self._bytes = 0
        self._source = 0

    def begin(self, contents: Contents) -> None:
        """The fence, and what ties the new history to the old one."""
        header = contents.header
        fence = Fence(decider=DECIDER, at=header.made_at)
        self._waiting["events"].append(codec.encode(fence))
        origin = {
            "type": "import",
            "export": contents.end.sha256,
            "log": header.log,
            "partitions": header.partitions,
        }
        detail = f"This log was imported from log {header.log}, export {contents.end.sha256}."
        decision = judge_malformed(
            self._ledger.partition(self._number), detail, source=0, fence=0, at=contents.began_at
        )
        raw = codec.encode(decision)
        self._ledger.pass_over(self._number, decision, raw)
        self._put(raw, msgspec.json.encode(origin))

    def decide(self, decision: Decision, action: bytes | None) -> None:
        """Give a decision its new place."""
        placed = replace(
            decision,
            source=self._source,
            fence=0,
            prev=self._ledger.chain(self._number, decision.account),
        )
        raw = codec.encode(placed)
        self._ledger.take(self._number, placed, raw)
        self._put(raw, LOST_ACTION if action is None else action)

    def add(self, topic: Topic, value: bytes) -> None:
        """Add a record as it is."""
        self._waiting[topic].append(value)
        self._bytes += len(value)

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return self._bytes >= BATCH_BYTES or len(self._waiting["actions"]) >= BATCH

    async def compare_beginning(self) -> None:
        """Raises LogNotEmpty if the log has something else than what is to be written first."""
        for topic, values in self._waiting.items():
            await self._there(topic, values)

    async def write(self) -> None:
        """Append what was gathered. Raises LogNotEmpty, LogError."""
        for topic, values in self._waiting.items():
            there = await self._there(topic, values)
            position = self._positions[topic] + there
            if there < len(values):
                first = await self._log.append(topic, self._number, values[there:])
                if first != position:
                    raise self._not_empty(topic, position)
            self._positions[topic] += len(values)
            values.clear()
        self._bytes = 0

    async def finish(self) -> None:
        """Write the rest. Raises LogNotEmpty if the log holds more than that, LogError."""
        await self.write()
        for topic, position in self._positions.items():
            if await self._log.end(topic, self._number) != position:
                raise self._not_empty(topic, position)

    def _put(self, raw: bytes, action: bytes) -> None:
        self._source += 1
        self.add("actions", action)
        self.add("events", raw)

    async def _there(self, topic: Topic, values: list[bytes]) -> int:
        """How many of the values are there already. Raises LogNotEmpty if others are, LogError."""
        position, found = self._positions[topic], 0
        while position + found < await self._log.end(topic, self._number) and found < len(values):
            start = position + found
            records = await self._log.read(topic, self._number, start, len(values) - found)
            there = [record.value for record in records]
            if not there or there != values[found : found + len(there)]:
                raise self._not_empty(topic, start)
            found += len(there)
        return found

    def _not_empty(self, topic: Topic, offset: int) -> LogNotEmpty:
        return LogNotEmpty(
            f"The log to import into is not empty, or is being written to: topic {topic}, "
            f"partition {self._number}, from offset {offset} on, is not of this import."
        )


async def import_into(
    log: Log, path: Path, contents: Contents, progress: Progress | None = None
) -> None:
    """Write a file that was proven into an empty log, and read the log to see that it is there.

    Raises LogNotEmpty, TransferBroken, LogError (RecordTooLarge: the log takes smaller records
    than the exported one did), OSError.
    """
    ledger = Ledger()
    targets = [Target(log, number, ledger) for number in range(log.partitions)]
    for target in targets:
        target.begin(contents)
    for target in targets:  # nothing is written before all were looked at
        await target.compare_beginning()
    total = contents.end.decisions + contents.end.pending + contents.end.visits
    for done, line in enumerate(_records(path), 1):
        target = targets[_place(line, log.partitions)]
        _give(target, line)
        if target.full:
            await target.write()
        if progress is not None and done % BATCH == 0:
            progress(done, total)
    for target in targets:
        await target.finish()
    await verify(log, contents)
    if progress is not None:
        progress(total, total)


def _records(path: Path) -> Iterator[Decided | Pending | Visit]:
    for line in read_archive(path):
        if isinstance(line, Decided | Pending | Visit):
            yield line


def _place(line: Decided | Pending | Visit, partitions: int) -> int:
    """The new partition: that of the account; of what cannot be read, the first."""
    value = line.decision.encode() if isinstance(line, Decided) else line.value or b""
    try:
        return partition_of(_NAMED.decode(value).account, partitions)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return 0


def _give(target: Target, line: AnyLine) -> None:
    match line:
        case Decided():
            target.decide(decision_of(line), line.value)
        case Pending():
            target.add("actions", line.value or b"")
        case Visit():
            target.add("visits", line.value or b"")


async def verify(log: Log, contents: Contents) -> None:
    """Read the log as every reader does. Raises TransferBroken, ChainBroken, LogError."""
    ledger = Ledger()
    for partition in range(log.partitions):
        reader = Acceptance()
        while records := await log.read("events", partition, reader.offset, BATCH):
            for record in records:
                decision = reader.read(record.offset, record.value)
                if decision is None:
                    continue
                take = ledger.take if decision.source > 0 else ledger.pass_over
                take(partition, decision, record.value)
        if reader.ignored:
            raise TransferBroken(
                f"{reader.ignored} decisions of partition {partition} are ignored."
            )
    ledger.compare(contents.accounts, "After the import")
