"""How far each partition's log has been taken up, and of which log."""

from typing import NamedTuple

from sqlalchemy import Column, Connection, Integer, Table, select

from projections.bulk import Bulk
from projections.schema import TEXT, metadata, number, text
from streams.acceptance import Acceptance

positions = Table(
    "positions",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    number("fence"),
    number("source"),
    number("ignored"),
    number("next"),
    text("digest"),
)
meta = Table("meta", metadata, Column("name", TEXT, primary_key=True), text("value"))

_set_position = Bulk(positions, replace=True)
_set_meta = Bulk(meta, replace=True)


class Position(NamedTuple):
    """Up to where a partition was taken up; `digest` is the hash of the record before that."""

    acceptance: Acceptance
    digest: str


def read(connection: Connection) -> dict[int, Position]:
    """The positions by partition; a partition without one begins at the log's first record."""
    rows = connection.execute(select(positions))
    return {
        partition: Position(Acceptance(fence, source, ignored, offset), digest)
        for partition, fence, source, ignored, offset, digest in rows
    }


def write(connection: Connection, partition: int, acceptance: Acceptance, digest: str) -> None:
    """Remember how far a partition was taken up."""
    at = acceptance
    row = (partition, at.fence, at.source, at.ignored, at.offset, digest)
    _set_position.run(connection, [row])


def read_meta(connection: Connection) -> dict[str, str]:
    """What the rows were made by and from: `schema` and `log`."""
    return dict(connection.execute(select(meta)).all())


def write_meta(connection: Connection, **values: str) -> None:
    """Remember what the rows are made by and from."""
    _set_meta.run(connection, list(values.items()))
