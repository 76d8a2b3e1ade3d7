"""The SQLite file of the embedded log: its schema, and how records become rows and back.

Each topic's partition has a table of its own, so that every insert goes to a table's end. A row
is a batch, what one commit appended to it (a large commit makes several):

    first   the offset of its first record (the key)
    count   how many records
    at      when it was committed, Unix milliseconds
    chain   SHA-256 of (the chain before it, first, at, body)
    body    the records, MessagePack: an array of byte strings

The chain of an empty partition is the SHA-256 of the log's identity, the topic and the
partition, so a batch fits nowhere but where it was written.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from streams.log.errors import Damage, LogAltered, LogMisfit, LogTorn
from streams.log.port import DURABLE_TOPICS, LogRecord, Topic

SCHEMA = 1
_APPLICATION = 0x44534C47  # "DSLG", which the program `file` can show

_NUMBERS = struct.Struct("<qq")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[bytes])


class Batch(NamedTuple):
    """One row. `count` and `at` are integers, `at` in Unix milliseconds."""

    first: int
    number: int
    at: int
    chain: bytes
    body: bytes

    @property
    def end(self) -> int:
        """The offset after the batch."""
        return self.first + self.number


@dataclass(slots=True)
class Place:
    """A topic's partition and its head: the offset and the chain after its last batch."""

    topic: Topic
    partition: int
    end: int
    chain: bytes

    @property
    def table(self) -> str:
        """The name of its table."""
        return f"{self.topic}_{self.partition}"

    def damage(self, first: int, end: int, detail: str) -> Damage:
        """A damage of this place, at the offsets from first up to but without end."""
        return Damage(self.topic, self.partition, first, end, detail)


def connect(path: Path, *, write: bool) -> apsw.Connection:
    """A connection that never checkpoints by itself; commits of a writing one are durable."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=flags if write else apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(1000)
    if write:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def create(connection: apsw.Connection, identity: str, partitions: int) -> None:
    """Make the tables of an empty log, all or none."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE log(identity TEXT NOT NULL, partitions INTEGER NOT NULL)")
    connection.execute("INSERT INTO log VALUES (?, ?)", (identity, partitions))
    for place in empty_places(identity, partitions):
        connection.execute(
            f"CREATE TABLE {place.table}(first INTEGER PRIMARY KEY, count INTEGER NOT NULL, "
            "at INTEGER NOT NULL, chain BLOB NOT NULL, body BLOB NOT NULL)"
        )
    connection.execute(f"PRAGMA user_version={SCHEMA}")
    connection.execute(f"PRAGMA application_id={_APPLICATION}")
    connection.execute("COMMIT")


def description(connection: apsw.Connection) -> tuple[str, int] | None:
    """The identity and the number of partitions; None if the file is empty. Raises LogMisfit."""
    if not connection.execute("SELECT count(*) FROM sqlite_schema").get:
        return None
    schema = connection.pragma("user_version")
    if connection.pragma("application_id") != _APPLICATION or schema != SCHEMA:
        raise LogMisfit(f"The log has schema {schema}; this program reads schema {SCHEMA}.")
    identity, partitions = connection.execute("SELECT identity, partitions FROM log").get
    return str(identity), int(partitions)


def empty_places(identity: str, partitions: int) -> list[Place]:
    """Every place of a log, in their fixed order, as if nothing had been appended yet."""
    return [
        Place(topic, partition, 0, _genesis(identity, topic, partition))
        for topic in DURABLE_TOPICS
        for partition in range(partitions)
    ]


def encode(values: list[bytes]) -> bytes:
    """The body of a batch."""
    return _encoder.encode(values)


def link(chain: bytes, first: int, at: int, body: bytes) -> bytes:
    """The chain after a batch, 32 bytes, from the chain before it."""
    digest = hashlib.sha256(chain)
    digest.update(_NUMBERS.pack(first, at))
    digest.update(body)
    return digest.digest()


def insert_statement(place: Place) -> str:
    """The SQL that adds a batch at the end of the place."""
    return f"INSERT INTO {place.table} VALUES (?, ?, ?, ?, ?)"


def last_batch(connection: apsw.Connection, place: Place) -> Batch | None:
    """The newest batch of the place; None if it is empty. Raises apsw.Error."""
    return _one(connection, f"{_select(place)} ORDER BY first DESC LIMIT 1", ())


def batch_at(connection: apsw.Connection, place: Place, offset: int) -> Batch | None:
    """The batch that begins at or before the offset. Raises apsw.Error."""
    sql = f"{_select(place)} WHERE first <= ? ORDER BY first DESC LIMIT 1"
    return _one(connection, sql, (offset,))


def batches_from(connection: apsw.Connection, place: Place, first: int) -> Iterator[Batch]:
    """The batches that begin at `first` or later, in order. Raises apsw.Error."""
    cursor = connection.execute(f"{_select(place)} WHERE first >= ? ORDER BY first", (first,))
    try:
        for row in cursor:
            yield Batch(*row)
    finally:
        cursor.close()


def values_of(place: Place, batch: Batch) -> list[bytes]:
    """The records of a batch. Raises LogAltered if they are not what the row says."""
    try:
        values = _decoder.decode(batch.body)
    except msgspec.DecodeError as error:
        raise LogAltered(place.damage(batch.first, batch.end, str(error))) from error
    if len(values) != batch.number:
        detail = f"the batch holds {len(values)} records, not {batch.number}"
        raise LogAltered(place.damage(batch.first, batch.end, detail))
    return values


def read_records(
    connection: apsw.Connection, place: Place, start: int, limit: int, max_bytes: int
) -> list[LogRecord]:
    """Records from `start` on: at most `limit`, and no further batch after `max_bytes`.

    `start` has to be before the end. Raises LogTorn if it is not there, LogAltered.
    """
    records: list[LogRecord] = []
    size = 0
    try:
        begin = batch_at(connection, place, start)
        for batch in batches_from(connection, place, begin.first if begin else start):
            at = start + len(records)
            if not batch.first <= at < batch.end:
                break
            values = values_of(place, batch)[at - batch.first :][: limit - len(records)]
            records += map(LogRecord, count(at), values)
            size += len(batch.body)
            if len(records) >= limit or size >= max_bytes:
                break
    except apsw.Error as error:
        raise LogAltered(place.damage(start, start + limit, str(error))) from error
    if not records:
        raise LogTorn(place.damage(start, start + 1, "the record is missing"))
    return records


def _genesis(identity: str, topic: Topic, partition: int) -> bytes:
    return hashlib.sha256(f"{identity}/{topic}/{partition}".encode()).digest()


def _select(place: Place) -> str:
    return f"SELECT first, count, at, chain, body FROM {place.table}"


def _one(connection: apsw.Connection, sql: str, bindings: tuple[int, ...]) -> Batch | None:
    row = connection.execute(sql, bindings).fetchone()
    return Batch(*row) if row is not None else None
