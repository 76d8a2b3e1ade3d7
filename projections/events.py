"""Events as resume needs them: in the order of their versions, each with its audience."""

from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Select,
    String,
    Table,
    bindparam,
    cast,
    func,
    select,
)

from projections.bulk import Bulk
from projections.errors import Damaged
from projections.schema import TEXT, WHOLE, metadata, text
from schemas import codec
from schemas.events import Event
from schemas.values import Audience
from schemas.views import StoredEvent

events = Table(
    "events",
    metadata,
    Column("account", TEXT, primary_key=True),
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    text("id"),
    Column("chat", TEXT),
    text("audience"),
    text("body"),
)

_Row = tuple[int, str, Audience, msgspec.Raw]
_decode: Final = msgspec.json.Decoder(list[_Row]).decode
_after = (
    select(
        (
            "["
            + cast(events.c.version, String)
            + ',"'
            + events.c.id
            + '",'
            + events.c.audience
            + ","
            + events.c.body
            + "]"
        ).label("row")
    )
    .where(events.c.account == bindparam("a"), events.c.version > bindparam("v"))
    .order_by(events.c.version)
    .limit(bindparam("n"))
    .subquery()
)
_after_joined = select(func.aggregate_strings(_after.c.row, ","))


def after(connection: Connection, account: str, version: int, limit: int) -> list[StoredEvent]:
    """An account's events after a version, at most `limit`, in order. Raises Damaged."""
    joined = connection.scalar(_after_joined, {"a": account, "v": version, "n": limit})
    if joined is None:
        return []
    try:
        rows = _decode(f"[{joined}]")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"events: {error}") from error
    return [
        StoredEvent(id=id, version=number, audience=audience, body=bytes(body))
        for number, id, audience, body in rows
    ]


def chat_of(account: str, version: int) -> Select[tuple[str | None]]:
    """The chat of an event, by its version."""
    return select(events.c.chat).where(events.c.account == account, events.c.version == version)


class Events:
    """Takes up every event, as it is."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._new: list[tuple[object, ...]] = []
        self._insert = Bulk(events)
        self._encode = msgspec.json.Encoder().encode

    def begin(self, connection: Connection) -> None:
        """Write on this connection from now on."""
        self._connection = connection

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        self._new.append(
            (
                account,
                event.version,
                event.id,
                event.chat,
                self._encode(event.audience).decode(),
                codec.encode(event).decode(),
            )
        )

    def write(self) -> None:
        """Store what has come since the last time."""
        assert self._connection is not None, "begin comes first"
        self._insert.run(self._connection, self._new)
        self._new.clear()

    def forget(self) -> None:
        """Let go of everything: what the batch brought was not stored."""
        self._new.clear()
