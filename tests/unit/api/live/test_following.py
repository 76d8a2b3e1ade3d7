"""Following: whatever happens in whatever order, a client gets what it may see, once, in order."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from api.live.hub import Hub
from api.live.resume import Resume, ResumeLimits
from api.live.session import Session
from api.live.wire import POLL, SSE, WEBSOCKET, Wire
from schemas.events import Event
from schemas.ids import event_id
from schemas.values import Audience
from streams.domain.access import Viewer
from tests.support.live import ANA, BEN, VERA, WIM, HandFeed, HandOutlet, HandRows, decision, event

AUDIENCES: tuple[Audience, ...] = (
    ("staff",), ("staff", "visitor:vera"), ("staff", "visitor:wim"), (), ("operator:ana",),
)  # fmt: skip
VIEWERS = (ANA, ANA, BEN, BEN, VERA, WIM)
WIRES = (SSE, SSE, SSE, WEBSOCKET, POLL)
NEVER = 2**48 - 1
LIMITS = ResumeLimits(missed=40, streams=1_000, page=3)


class Client:
    """One connection and what it ought to be sent."""

    def __init__(self, viewer: Viewer, wire: Wire, after: str | None) -> None:
        self.viewer = viewer
        self.after = after
        self.outlet = HandOutlet(wire)
        self.session = Session(viewer, wire, self.outlet, expires_at=NEVER)
        self.left_at: int | None = None

    @property
    def cursor(self) -> str:
        """What it would resume from."""
        ids = [
            frame["state"]["id"] if frame["type"] == "reset" else frame["id"]
            for frame in self.outlet.frames
            if frame["type"] in ("event", "caught_up", "reset")
        ]
        return str(ids[-1])

    def sees(self, event: Event) -> bool:
        mine = (f"{self.viewer.kind}:{self.viewer.id}",)
        staff = ("staff",) if self.viewer.kind == "operator" else ()
        return bool(set(event.audience) & {*mine, *staff})


class Desk:
    """A hub, its rows, and everybody who ever connected."""

    def __init__(self, memory: int, turns: int = 0) -> None:
        self.hub = Hub(lambda: 0, heartbeat=1_000, memory=memory)
        self.rows = HandRows(turns)
        self.resume = Resume(self.hub, HandFeed(), self.rows, LIMITS)
        self.events: list[Event] = []
        self.clients: list[Client] = []
        self.joining: set[asyncio.Task[Client]] = set()

    def publish(self, audiences: list[Audience], *, rows_first: bool) -> None:
        first = len(self.events) + 1
        made = [event(first + n, audience) for n, audience in enumerate(audiences)]
        self.events += made
        if rows_first:
            self.rows.store(made)
        self.hub.decided(decision(made))
        if not rows_first:
            self.rows.store(made)

    async def join(self, viewer: Viewer, wire: Wire, after: str | None) -> Client:
        client = Client(viewer, wire, after)
        begun = await self.resume.begin(client.session, after)
        client.outlet.write(b"".join(begun))
        self.clients.append(client)
        return client

    def begin_to_join(self, viewer: Viewer, wire: Wire, after: str | None) -> None:
        """Join, while other things happen."""
        task = asyncio.ensure_future(self.join(viewer, wire, after))
        self.joining.add(task)
        task.add_done_callback(self.joining.discard)

    def overflow(self, client: Client) -> None:
        """Cut the client off as one that does not read; it comes back where it was."""
        if client.left_at is None:
            self.leave(client)
            self.begin_to_join(client.viewer, client.outlet.wire, client.cursor)

    def leave(self, client: Client) -> None:
        if client.left_at is None:
            self.hub.leave(client.session)
            client.left_at = len(client.outlet.frames)

    def check(self, client: Client) -> str | None:
        """What is wrong with what the client was sent, if anything."""
        frames = client.outlet.frames
        cursor, version = self._begin(client, frames[0])
        for frame in frames:
            if frame["type"] in ("caught_up", "reset"):
                at = frame if frame["type"] == "caught_up" else frame["state"]
                missed = [e for e in self._visible(client, version) if e.version <= at["version"]]
                if frame["type"] == "caught_up" and missed:
                    return f"caught up without {missed[0].version}"
                cursor, version = at["id"], at["version"]
            elif frame["type"] == "event":
                expected = self._visible(client, version)[0]
                if (frame["prev"], frame["id"]) != (cursor, expected.id):
                    return f"{frame} instead of {expected} after {cursor}"
                if "audience" in frame:
                    return "an audience"
                cursor, version = frame["id"], frame["version"]
        if client.left_at is None and self._visible(client, version):
            return f"nothing after {version}"
        return None

    def _begin(self, client: Client, first: dict[str, Any]) -> tuple[str, int]:
        known = {e.id: e.version for e in self.events}
        if client.after in known and first["type"] != "reset":
            return client.after, known[client.after]
        assert first["type"] == ("caught_up" if client.after is None else "reset")
        return "", first.get("version", 0)

    def _visible(self, client: Client, after: int) -> list[Event]:
        return [e for e in self.events if e.version > after and client.sees(e)]


Step = Callable[[Desk], Any]

publish = st.builds(
    lambda audiences, rows_first: ("publish", audiences, rows_first),
    st.lists(st.sampled_from(AUDIENCES), min_size=1, max_size=6),
    st.booleans(),
)
join = st.tuples(
    st.just("join"),
    st.sampled_from(VIEWERS),
    st.sampled_from(WIRES),
    st.one_of(
        st.none(),
        st.integers(1, 4),  # few, so that many come back to the same
        st.integers(0, 60),
        st.sampled_from(["", "garbage", "v" * 20]),
    ),
)
leave = st.tuples(st.just("leave"), st.integers(0, 20))
overflow = st.tuples(st.just("overflow"), st.integers(0, 20))
turn = st.tuples(st.just("turn"), st.integers(1, 6))


@given(
    st.lists(
        st.one_of(publish, publish, join, join, leave, overflow, turn), min_size=25, max_size=80
    ),
    st.sampled_from([500, 5_000, 10**6]),
    st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_every_client_gets_exactly_what_it_may_see(
    steps: list[tuple[Any, ...]], memory: int, turns: int
) -> None:
    asyncio.run(_live_through(steps, memory, turns))


async def _live_through(steps: list[tuple[Any, ...]], memory: int, turns: int) -> None:
    desk = Desk(memory, turns)
    for step in steps:
        match step:
            case ("publish", audiences, rows_first):
                desk.publish(audiences, rows_first=rows_first)
            case ("join", viewer, wire, after):
                desk.begin_to_join(viewer, wire, _cursor(desk, after))
            case ("overflow", number):
                if desk.clients:
                    desk.overflow(desk.clients[number % len(desk.clients)])
            case ("leave", number):
                if desk.clients:
                    desk.leave(desk.clients[number % len(desk.clients)])
            case ("turn", times):
                for _ in range(times):
                    await asyncio.sleep(0)
    await asyncio.gather(*desk.joining)
    async with asyncio.timeout(1):
        while any(desk.check(client) for client in desk.clients):
            await asyncio.sleep(0.001)
    for client in desk.clients:
        desk.leave(client)
    assert desk.hub.sessions == 0


def _cursor(desk: Desk, after: int | str | None) -> str | None:
    """An event's id, also one that there is not yet, or whatever else a client may send."""
    if not isinstance(after, int):
        return after
    if 0 < after <= len(desk.events):
        return desk.events[after - 1].id
    return "0" * 20 if after == 0 else event_id(1_000, 2**40 + after)


async def test_resume_has_three_answers() -> None:
    desk = Desk(10**6)
    for _ in range(10):
        desk.publish([("staff",)] * 6, rows_first=True)
    recent, old = desk.events[-3].id, desk.events[0].id
    types = {}
    for name, after in {"new": None, "recent": recent, "old": old, "odd": "odd"}.items():
        client = await desk.join(ANA, SSE, after)
        types[name] = [frame["type"] for frame in client.outlet.frames]
    assert types == {
        "new": ["caught_up"],
        "recent": ["event", "event", "caught_up"],
        "old": ["reset"],
        "odd": ["reset"],
    }
