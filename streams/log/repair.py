"""Going on after a loss: a person's decision, never the program's.

Where there is no backup, what is left of a torn log can be accepted. Only the end of a partition
may be missing; a log that was altered, or that has holes, is refused as before.
"""

import time
from contextlib import closing
from pathlib import Path

import apsw

from streams.log import batches
from streams.log.batches import Place
from streams.log.errors import Damage, LogUnusable, MarkLost
from streams.log.lock import DirectoryLock
from streams.log.marks import Entry, HighWaterMark, Mark, read_mark
from streams.log.opening import mark_path_of, path_of
from streams.log.verify import check_start


def accept_loss(directory: Path) -> list[Damage]:
    """Set the high-water mark to what the closed log still holds; gives what is given up.

    Lost actions leave their offsets taken, by empty records that a decider refuses as malformed:
    their decisions may still be there, and no other action may come to stand in their place.
    Raises LogInUse, LogAltered, LogTorn (holes), LogUnusable (nothing is left), OSError.
    """
    lock = DirectoryLock(directory)
    try:
        return _accept(directory)
    finally:
        lock.release()


def _accept(directory: Path) -> list[Damage]:
    try:
        mark = read_mark(mark_path_of(directory))
    except MarkLost:
        mark = None
    path = path_of(directory)
    try:
        return _accept_content(path, mark, mark_path_of(directory))
    except apsw.Error as error:
        raise LogUnusable(f"Nothing of {path} can be used. SQLite says: {error}") from error


def _accept_content(path: Path, mark: Mark | None, mark_path: Path) -> list[Damage]:
    with closing(batches.connect(path, write=False)) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        identity, places, lost = _survey(connection, mark)
    with closing(batches.connect(path, write=True)) as connection:
        for damage in lost:
            if damage.topic == "actions":
                _fill(connection, places, damage)
    HighWaterMark.create(mark_path, identity, places).close()
    return lost


def _survey(
    connection: apsw.Connection, mark: Mark | None
) -> tuple[str, list[Place], list[Damage]]:
    """The log's identity, its heads, proven as far as they go, and what is missing after them."""
    described = batches.description(connection)
    if described is None:
        raise LogUnusable("Nothing is left of the log: remove its files to begin anew.")
    identity, partitions = described
    places = batches.empty_places(identity, partitions)
    known = mark.entries if mark is not None and mark.identity == identity else []
    entries, lost = [], []
    for index, place in enumerate(places):
        last = batches.last_batch(connection, place)
        head = Entry(last.end, last.chain) if last else Entry(0, place.chain)
        acknowledged = known[index] if known else head
        if acknowledged.end > head.end:
            lost.append(place.damage(head.end, acknowledged.end, "given up"))
        entries.append(head if acknowledged.end > head.end else acknowledged)
    check_start(connection, places, entries)
    return identity, places, lost


def _fill(connection: apsw.Connection, places: list[Place], damage: Damage) -> None:
    for place in places:
        if (place.topic, place.partition) == damage[:2]:
            at = time.time_ns() // 1_000_000
            number = damage.end - damage.first
            body = batches.encode([b""] * number)
            place.chain = batches.link(place.chain, place.end, at, body)
            row = (place.end, number, at, place.chain, body)
            connection.execute(batches.insert_statement(place), row)
            place.end = damage.end
