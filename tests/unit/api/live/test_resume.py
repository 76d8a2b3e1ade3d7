"""A client that comes from another process, which may have told it more than this one knows."""

import asyncio
from typing import Any

import pytest

from api.live.hub import Hub
from api.live.resume import Resume, ResumeLimits
from api.live.session import Session
from api.live.wire import SSE
from api.problems import Problem
from tests.support.live import ANA, HandFeed, HandOutlet, HandRows, decision, event

NEVER = 2**48 - 1
KNOWN = 3
MISSED = 10


class Desk:
    """A process that was told of three events, and one client at it."""

    def __init__(self, patience: float) -> None:
        self.hub = Hub(lambda: 0, heartbeat=1_000, memory=10**6)
        self.feed = HandFeed()
        self.rows = HandRows()
        limits = ResumeLimits(MISSED, streams=10, patience=patience)
        self.resume = Resume(self.hub, self.feed, self.rows, limits)
        self.outlet = HandOutlet(SSE)
        for version in range(1, KNOWN + 1):
            self.hears(version)

    def hears(self, version: int) -> None:
        """The feed brings an event, and the rows have it."""
        self.rows.store([event(version)])
        self.hub.decided(decision([event(version)]))

    async def begin(self, version: int) -> list[dict[str, Any]]:
        """The first frames for a client that has the event of this version."""
        session = Session(ANA, SSE, self.outlet, expires_at=NEVER)
        try:
            begun = await self.resume.begin(session, event(version).id)
        finally:
            self.hub.leave(session)
        self.outlet.write(b"".join(begun))
        return self.outlet.frames


async def test_what_another_process_has_told_already_is_waited_for() -> None:
    desk = Desk(patience=5)
    beginning = asyncio.create_task(desk.begin(KNOWN + 2))
    await asyncio.sleep(0)
    desk.hears(KNOWN + 1)
    await asyncio.sleep(0.01)
    assert not beginning.done()
    desk.hears(KNOWN + 2)
    desk.hears(KNOWN + 3)
    frames = await beginning
    assert [frame["type"] for frame in frames] == ["event", "caught_up"]
    assert [frame.get("prev") for frame in frames] == [event(KNOWN + 2).id, None]
    assert desk.hub.reset == 0


@pytest.mark.parametrize("ahead", [1, MISSED + 1])
async def test_a_process_that_is_behind_says_so_and_resets_nobody(ahead: int) -> None:
    desk = Desk(patience=0.01)
    desk.feed.behind = True
    with pytest.raises(Problem) as raised:
        await desk.begin(KNOWN + ahead)
    assert (raised.value.code, raised.value.headers) == ("unavailable", {"retry-after": "1"})
    assert desk.hub.reset == desk.hub.sessions == 0


async def test_what_comes_while_it_is_looked_whether_more_is_on_the_log_is_resumed_from() -> None:
    desk = Desk(patience=0.01)
    desk.feed.behind = True
    beginning = asyncio.create_task(desk.begin(KNOWN + MISSED + 1))
    await asyncio.sleep(0)
    for version in range(KNOWN + 1, KNOWN + MISSED + 2):
        desk.hears(version)
    desk.feed.behind = False
    assert [frame["type"] for frame in await beginning] == ["caught_up"]


@pytest.mark.parametrize("ahead", [1, MISSED + 1])
async def test_an_id_that_is_not_on_the_log_is_reset(ahead: int) -> None:
    frames = await Desk(patience=0.01).begin(KNOWN + ahead)
    assert [(frame["type"], frame["reason"]) for frame in frames] == [("reset", "unknown_id")]
    assert frames[0]["state"]["version"] == KNOWN
