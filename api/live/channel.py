"""A channel: an account's recent events in memory, and who follows it."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from api.live.frames import LiveEvent
from api.live.session import Session
from schemas.values import STAFF, Audience


def is_personal(event: LiveEvent) -> bool:
    """Whether single operators see an event that not all staff see."""
    return STAFF not in event.audience and any(e.startswith("operator:") for e in event.audience)


class Kind:
    """The sessions of one kind, by the audience entry that they share."""

    __slots__ = ("entry", "sessions")

    def __init__(self, entry: str) -> None:
        self.entry = entry
        self.sessions: dict[Session, None] = {}


class Channel:
    """What the hub knows of one account.

    `recent` holds events without a hole up to `version`, the newest; all after `start`. Those up
    to `sent` have been written to whoever follows; the rest is `fresh`, or being written, and is
    not forgotten before. So who follows can always be told the rest from memory.
    """

    __slots__ = (
        "account", "fresh", "id", "kinds", "personal", "recent", "sent", "size", "start", "version",
    )  # fmt: skip

    def __init__(self, account: str, version: int, id: str) -> None:
        self.account = account
        self.version = version
        self.id = id
        self.start = version
        self.sent = version
        self.recent: deque[LiveEvent] = deque()
        self.size = 0
        self.fresh: list[LiveEvent] = []
        """Not taken up by the fan-out yet."""
        self.kinds: dict[str, Kind] = {}
        self.personal = False
        """Whether some of `recent` may be for single operators."""

    @property
    def sessions(self) -> Iterator[Session]:
        """Everybody who follows."""
        for kind in self.kinds.values():
            yield from kind.sessions

    def add(self, event: LiveEvent) -> bool:
        """Take up the next event, once. False, and nothing is changed, if some are missing before.

        The rows may have told of it already: then whoever follows has it from there.
        """
        if event.version != self.version + 1:
            return event.version <= self.version
        self.recent.append(event)
        self.size += event.size
        self.version = event.version
        self.id = event.id
        self.personal = self.personal or is_personal(event)
        if self.kinds:
            self.fresh.append(event)
        else:
            self.sent = event.version
        return True

    def begin_before(self, event: LiveEvent) -> None:
        """Forget everything: what comes next is this event. Nobody may be following."""
        self.recent.clear()
        self.fresh.clear()
        self.size = 0
        self.personal = False
        self.version = self.start = self.sent = event.version - 1

    def addressed(self, audiences: Iterable[Audience]) -> list[Kind]:
        """The kinds of sessions of whom some are in one of the audiences."""
        entries = {entry for audience in audiences for entry in audience}
        names = {STAFF if entry.startswith("operator:") else entry for entry in entries}
        return [self.kinds[name] for name in names if name in self.kinds]

    def drop_oldest(self) -> int:
        """Forget the oldest event; gives its size, 0 if none may be forgotten yet."""
        if self.start >= self.sent:
            return 0
        event = self.recent.popleft()
        self.size -= event.size
        self.start = event.version
        return event.size

    def after(self, version: int) -> Iterator[LiveEvent]:
        """The events newer than `version`, which must not be before `start`."""
        newest_first = islice(reversed(self.recent), max(self.version - version, 0))
        return reversed(list(newest_first))

    def id_of(self, version: int) -> str | None:
        """The id of the event with this version, if it is at hand."""
        if version == self.version:
            return self.id
        if self.start < version < self.version:
            return self.recent[version - self.start - 1].id
        return None

    def join(self, session: Session) -> None:
        """From now on the session is sent what comes."""
        kind = self.kinds.get(session.kind)
        if kind is None:
            kind = self.kinds[session.kind] = Kind(session.kind)
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
            self.sent = self.version
