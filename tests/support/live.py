"""What the live layer stands on in unit tests: rows and outlets by hand."""

import asyncio
import json
from typing import Any

import msgspec

from api.live.wire import POLL, SSE, Wire
from projections.accounts import Head
from schemas.decisions import Decision
from schemas.events import Event, GroupAdded
from schemas.ids import event_id
from schemas.values import SYSTEM, AccountSettings, Audience
from schemas.views import AccountView, ChatView, StaffState, StoredEvent, VisitorState, VisitorView
from streams.domain.access import Viewer

ACCOUNT = "acme"
ANA = Viewer(kind="operator", id="ana", account=ACCOUNT, role="agent")
BEN = Viewer(kind="operator", id="ben", account=ACCOUNT, role="agent")
VERA = Viewer(kind="visitor", id="vera", account=ACCOUNT)
WIM = Viewer(kind="visitor", id="wim", account=ACCOUNT)


def event(version: int, audience: Audience = ("staff",)) -> Event:
    """An event of the account."""
    return Event(
        id=event_id(1_000 + version, version),
        version=version,
        at=1_000 + version,
        actor=SYSTEM,
        audience=audience,
        data=GroupAdded(name=f"group {version}"),
    )


def decision(events: list[Event]) -> Decision:
    """A decision with these events."""
    return Decision(
        account=ACCOUNT,
        action="a",
        actor=SYSTEM,
        at=1,
        source=0,
        fence=0,
        rules=1,
        prev="",
        version=events[-1].version,
        events=tuple(events),
    )


class HandRows:
    """Rows that have the events given to `store`; each answer takes some turns of the loop."""

    def __init__(self, turns: int = 0) -> None:
        self.events: list[Event] = []
        self._turns = turns

    async def _wait(self) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)

    def store(self, events: list[Event]) -> None:
        """Take up events."""
        self.events += events

    async def head(self, account: str) -> Head:
        """See Rows.head."""
        await self._wait()
        return Head(self.events[-1].version, self.events[-1].id) if self.events else Head(0, "")

    async def events_after(
        self, account: str, version: int, limit: int = 1_000
    ) -> list[StoredEvent]:
        """See Rows.events_after."""
        await self._wait()
        found = [e for e in self.events if e.version > version][:limit]
        return [
            StoredEvent(
                id=e.id, version=e.version, audience=e.audience, body=msgspec.json.encode(e)
            )
            for e in found
        ]

    async def state_for(self, viewer: Viewer) -> StaffState | VisitorState:
        """See Rows.state_for."""
        await self._wait()
        version, id = await self.head(viewer.account)
        if viewer.kind == "visitor":
            return VisitorState(version=version, id=id, visitor=VisitorView(id=viewer.id))
        account = AccountView(id=viewer.account, name="Acme", settings=AccountSettings())
        return StaffState(version=version, id=id, account=account)

    async def chat(self, viewer: Viewer, chat: str) -> ChatView | None:
        """See Rows.chat."""
        return None

    async def reached(self, account: str, version: int, timeout: float) -> bool:
        """See Rows.reached."""
        await self._wait()
        return (await self.head(account)).version >= version


class HandFeed:
    """A feed that has handed on all there is, until it is told that it is `behind`."""

    def __init__(self) -> None:
        self.behind = False

    async def caught_up(self, account: str) -> None:
        """See Feed.caught_up."""
        while self.behind:
            await asyncio.sleep(0.001)


class HandOutlet:
    """Keeps what it is given."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._data = b""
        self.ended = False

    def write(self, data: bytes) -> None:
        """See Outlet.write."""
        assert not self.ended
        self._data += data

    def end(self, data: bytes = b"") -> None:
        """See Outlet.end."""
        self._data += data
        self.ended = True

    @property
    def frames(self) -> list[dict[str, Any]]:
        """All frames so far, unpacked."""
        return unpack(self.wire, self._data)


def unpack(wire: Wire, data: bytes) -> list[dict[str, Any]]:
    """The frames in these bytes of a wire."""
    if wire is SSE:
        blocks = data.decode().split("\n\n")[:-1]
        return [_sse(block) for block in blocks]
    if wire is POLL:
        return list(json.loads(b"[" + data.removesuffix(b",") + b"]"))
    frames = []
    while data:
        assert data[0] == 0x81
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10]), 10
        frames.append(json.loads(data[start : start + size]))
        data = data[start + size :]
    return frames


def _sse(block: str) -> dict[str, Any]:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    frame: dict[str, Any] = json.loads(fields["data"])
    assert fields["event"] == frame["type"]
    if frame["type"] in ("event", "caught_up"):
        assert fields["id"] == frame["id"]
    return frame
