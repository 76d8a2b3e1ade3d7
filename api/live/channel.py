"""A channel: an account's recent events in memory, and who follows it."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from api.live.frames import LiveEvent
from api.live.session import Session, chain
from api.live.wire import Wire
from schemas.values import STAFF

MEMOS = 8
"""Catch-ups remembered, for the many who come back at once."""


def is_personal(event: LiveEvent) -> bool:
    """Whether single operators see an event that not all staff see."""
    return STAFF not in event.audience and any(e.startswith("operator:") for e in event.audience)


class Kind:
    """The sessions of one kind, by the audience entry they share. `head` is the id that those who are up to date were sent last."""

    __slots__ = ("entry", "head", "sessions")

    def __init__(self, entry: str, head: str) -> None:
        self.entry = entry
        self.head = head
        self.sessions: dict[Session, None] = {}


class Channel:
    """What the hub knows of one account.

    `recent` holds events without a hole up to `version`, the newest; all after `start`.
    """

    __slots__ = (
        "_memos",
        "_personal",
        "fresh",
        "id",
        "kinds",
        "recent",
        "size",
        "start",
        "version",
    )

    def __init__(self, version: int, id: str) -> None:
        self.version = version
        self.id = id
        self.start = version
        self.recent: deque[LiveEvent] = deque()
        self.size = 0
        self.fresh: list[LiveEvent] = []
        """Not sent yet."""
        self.kinds: dict[str, Kind] = {}
        self._personal = False
        self._memos: dict[tuple[str, str, Wire], tuple[bytes, str]] = {}

    @property
    def sessions(self) -> Iterator[Session]:
        """Everybody who follows."""
        for kind in self.kinds.values():
            yield from kind.sessions

    def add(self, event: LiveEvent) -> None:
        """Take up the next event."""
        if event.version != self.version + 1:  # the feed began later than this account
            self.recent.clear()
            self.size = 0
            self.start = event.version - 1
        self.recent.append(event)
        self.size += event.size
        self.version = event.version
        self.id = event.id
        self._memos.clear()
        self._personal = self._personal or is_personal(event)
        if self.kinds:
            self.fresh.append(event)

    def addressed(self, events: list[LiveEvent]) -> list[Kind]:
        """The kinds of sessions of whom some may see one of the events."""
        entries = {entry for event in events for entry in event.audience}
        names = {STAFF if entry.startswith("operator:") else entry for entry in entries}
        return [self.kinds[name] for name in names if name in self.kinds]

    def drop_oldest(self) -> int:
        """Forget the oldest event; gives its size."""
        event = self.recent.popleft()
        self.size -= event.size
        self.start = event.version
        return event.size

    def after(self, version: int) -> Iterator[LiveEvent]:
        """The events newer than `version`, which must not be before `start`."""
        return islice(self.recent, version - self.start, None)

    def id_of(self, version: int) -> str | None:
        """The id of the event with this version, if it is at hand."""
        if version == self.version:
            return self.id
        if self.start < version < self.version:
            return self.recent[version - self.start - 1].id
        return None

    def catch_up(self, session: Session) -> bytes:
        """All that the session missed, which it counts as sent; its version is in memory."""
        shared = session.kind if not self._personal else ",".join(session.audience)
        key = (shared, session.cursor, session.wire)
        memo = self._memos.get(key)
        if memo is None:
            memo = chain(
                self.after(session.version),
                session.cursor,
                session.wire,
                lambda event: session.sees(event.audience),
            )
            if len(self._memos) >= MEMOS:
                del self._memos[next(iter(self._memos))]
            self._memos[key] = memo
        block, cursor = memo
        session.begin_at(cursor, max(session.version, self.version))
        return block

    def join(self, session: Session) -> None:
        """From now on the session is sent what comes."""
        kind = self.kinds.get(session.kind)
        if kind is None:
            kind = self.kinds[session.kind] = Kind(session.kind, self.id)
        kind.sessions[session] = None

    def leave(self, session: Session) -> None:
        """The session is sent nothing more."""
        kind = self.kinds.get(session.kind)
        if kind is not None:
            kind.sessions.pop(session, None)
            if not kind.sessions:
                del self.kinds[session.kind]
        if not self.kinds:
            self.fresh.clear()
