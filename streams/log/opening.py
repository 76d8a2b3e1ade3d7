"""Opening the embedded log's files: make them, or prove that they are whole, then take them over.

Nothing is written before all checks have passed, so a damaged log stays as it was found.
"""

import uuid
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import apsw

from streams.log import batches
from streams.log.batches import Place
from streams.log.errors import (
    Damage,
    LogAltered,
    LogForeign,
    LogMisfit,
    LogTorn,
    LogUnusable,
    MarkLost,
)
from streams.log.lock import DirectoryLock
from streams.log.marks import HighWaterMark, Mark, read_mark
from streams.log.port import DURABLE_TOPICS
from streams.log.snapshots import sync_directory
from streams.log.verify import check_start
from streams.log.writer import prime_wal


class Opened(NamedTuple):
    """A log that was proven; `places` are the heads, in the order of the mark's entries."""

    path: Path
    lock: DirectoryLock
    connection: apsw.Connection
    mark: HighWaterMark
    identity: str
    places: list[Place]


def path_of(directory: Path) -> Path:
    """The SQLite file."""
    return directory / "log.sqlite3"


def mark_path_of(directory: Path) -> Path:
    """The high-water mark."""
    return directory / "log.high-water"


def open_files(directory: Path, partitions: int) -> Opened:
    """Lock, check and open, or create. Raises LogUnusable and OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = DirectoryLock(directory)
    try:
        return _open_locked(directory, partitions, lock)
    except BaseException:
        lock.release()
        raise


def _open_locked(directory: Path, partitions: int, lock: DirectoryLock) -> Opened:
    path, mark_path = path_of(directory), mark_path_of(directory)
    found = read_mark(mark_path)
    identity, places = _check(path, found, partitions)
    if not identity:
        identity = uuid.uuid4().hex
        _create(path, identity, partitions)
        found, places = None, batches.empty_places(identity, partitions)
    prime_wal(path)
    if found is None:
        mark = HighWaterMark.create(mark_path, identity, places)
    else:
        mark = HighWaterMark.open(mark_path, found)
        for index, place in enumerate(places):
            mark.note(index, place.end, place.chain)
        mark.write()
        mark.sync()
    return Opened(path, lock, batches.connect(path, write=True), mark, identity, places)


def _create(path: Path, identity: str, partitions: int) -> None:
    """The tables go into the file itself, so that they cannot be lost with a WAL."""
    for leftover in (path, path.with_name(path.name + "-wal")):
        leftover.unlink(missing_ok=True)
    with closing(batches.connect(path, write=True)) as connection:
        batches.create(connection, identity, partitions)
    sync_directory(path.parent)


def _check(path: Path, mark: Mark | None, partitions: int) -> tuple[str, list[Place]]:
    """The identity and the heads of what is there; no identity if nothing ever was."""
    try:
        if path.exists() and path.stat().st_size:
            with closing(batches.connect(path, write=False)) as connection:
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                return _check_content(connection, mark, partitions)
    except apsw.Error as error:
        detail = f"SQLite says: {error}"
        if damages := _all(mark, detail):
            raise LogAltered(*damages) from error
        raise LogUnusable(f"{path} cannot be read. {detail}") from error
    if damages := _all(mark, "the file of the log is missing or empty"):
        raise LogTorn(*damages)
    return "", []


def _check_content(
    connection: apsw.Connection, mark: Mark | None, partitions: int
) -> tuple[str, list[Place]]:
    described = batches.description(connection)
    if described is None:
        if damages := _all(mark, "the file of the log is empty"):
            raise LogTorn(*damages)
        return "", []
    identity, number = described
    if mark is not None and mark.identity != identity:
        raise LogForeign(f"The high-water mark is of log {mark.identity}, the file of {identity}.")
    if number != partitions:
        raise LogMisfit(f"The log was made with {number} partitions, not {partitions}.")
    places = batches.empty_places(identity, partitions)
    if mark is not None:
        check_start(connection, places, mark.entries)
    elif any(batches.last_batch(connection, place) for place in places):
        raise MarkLost("The high-water mark is missing: nothing tells whether the log is whole.")
    return identity, places


def _all(mark: Mark | None, detail: str) -> list[Damage]:
    """Everything that was acknowledged, as damages."""
    if mark is None:
        return []
    places = batches.empty_places(mark.identity, len(mark.entries) // len(DURABLE_TOPICS))
    pairs = zip(places, mark.entries, strict=True)
    return [place.damage(0, entry.end, detail) for place, entry in pairs if entry.end]
