"""The session: what one client was sent and may see. No I/O; every transport stands on it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from api.live.frames import LiveEvent
from api.live.wire import Wire
from schemas.values import Audience
from streams.domain.access import Viewer, audience_of


class Outlet(Protocol):
    """Where a session's bytes go."""

    def write(self, data: bytes) -> None:
        """Send, or keep for later; over its bound, end the connection. Never raises."""
        ...

    def end(self, data: bytes = b"") -> None:
        """Send the last bytes and end the connection. May be called twice."""
        ...


class Session:
    """One live connection.

    `cursor` is the id that the client is at: of the last event it was sent, or what it was told
    at its beginning. `version` is the version up to which it has all that it may see.
    """

    __slots__ = (
        "__weakref__", "attached", "audience", "cursor", "ended", "expires_at", "outlet",
        "token", "version", "viewer", "wire",
    )  # fmt: skip

    def __init__(
        self,
        viewer: Viewer,
        wire: Wire,
        outlet: Outlet,
        *,
        expires_at: int,
        token: str | None = None,
    ) -> None:
        """`token`: digest of the operator's token, whose end ends the session; times in ms."""
        self.viewer = viewer
        self.wire = wire
        self.outlet = outlet
        self.expires_at = expires_at
        self.token = token
        self.audience: Audience = audience_of(viewer)
        self.cursor = ""
        self.version = 0
        self.attached = False
        self.ended = False

    @property
    def kind(self) -> str:
        """Sessions of one kind see the same, but for what is addressed to one of them alone."""
        return self.audience[0] if self.audience else ""

    def sees(self, audience: Iterable[str]) -> bool:
        """Whether an event with this audience is for this client."""
        return any(entry in self.audience for entry in audience)

    def begin_at(self, cursor: str, version: int) -> None:
        """The client has all that it may see up to `version`, and goes on from `cursor`."""
        self.cursor = cursor
        self.version = version

    def pack(self, events: Sequence[LiveEvent]) -> bytes:
        """The frames of those events that the client is to be sent; it counts as sent."""
        block, cursor = chain(events, self.cursor, self.wire, self._wants)
        if events:
            self.begin_at(cursor, max(self.version, events[-1].version))
        return block

    def _wants(self, event: LiveEvent) -> bool:
        return event.version > self.version and self.sees(event.audience)


def chain(
    events: Iterable[LiveEvent], prev: str, wire: Wire, wanted: Callable[[LiveEvent], bool]
) -> tuple[bytes, str]:
    """The wanted events as frames, each naming the one before; and the last one's id."""
    frames = []
    for event in events:
        if wanted(event):
            frames.append(wire.pack("event", event.json(prev), event.id))
            prev = event.id
    return b"".join(frames), prev
