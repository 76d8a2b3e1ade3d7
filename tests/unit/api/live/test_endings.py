"""What ends a connection: its token, its time, a hole in the feed, the server's end."""

import asyncio
from typing import Any

import pytest

from api.live.session import Session
from api.live.wire import POLL, SSE, WEBSOCKET
from schemas.events import AnyEvent, OperatorChanged, OperatorRemoved, TokenRevoked
from tests.support.eventually import eventually
from tests.support.followers import NEVER, STAFF_AND_VERA, Followers, running, types
from tests.support.live import ANA, BEN, VERA, WIM, HandOutlet, decision, event


async def test_one_token_that_is_revoked_ends_its_own_connections_alone() -> None:
    desk = Followers()
    (_, phone) = desk.join(ANA, token="phone")
    (_, laptop) = desk.join(ANA, WEBSOCKET, token="laptop")
    (_, ben) = desk.join(BEN, token="bens")
    desk.happens(1, TokenRevoked(operator="ana", token="phone"))
    assert phone.ended
    assert [(f["type"], f["code"]) for f in phone.frames] == [("denied", "unauthenticated")]
    assert not laptop.ended
    assert not ben.ended
    assert desk.hub.sessions == 2


@pytest.mark.parametrize(
    "data",
    [TokenRevoked(operator="ana"), OperatorRemoved(operator="ana")],
    ids=["all tokens", "removed"],
)
async def test_all_of_an_operators_connections_end_together(data: AnyEvent) -> None:
    desk = Followers()
    mine = [desk.join(ANA, wire, token=str(n))[1] for n, wire in enumerate((SSE, WEBSOCKET, POLL))]
    (_, ben) = desk.join(BEN, token="bens")
    desk.happens(1, data)
    assert all(outlet.ended for outlet in mine)
    assert not ben.ended


async def test_a_connection_that_is_still_beginning_ends_with_its_token_too() -> None:
    desk = Followers()
    outlet = HandOutlet(SSE)
    session = Session(ANA, SSE, outlet, expires_at=NEVER, token="t")
    desk.hub.attach(session)
    desk.happens(1, TokenRevoked(operator="ana"))
    desk.hub.join(desk.channel, session)
    assert outlet.ended
    assert list(desk.channel.sessions) == []


async def test_a_new_role_that_may_follow_ends_nothing() -> None:
    desk = Followers()
    session, outlet = desk.join(ANA, token="t")
    desk.happens(1, OperatorChanged(operator="ana", name="Ana", role="auditor"))
    assert session.viewer.role == "auditor"
    assert not outlet.ended


async def test_a_visitors_connection_ends_when_its_token_expires() -> None:
    desk = Followers(heartbeat=0.01)
    (_, vera) = desk.join(VERA, expires_at=2_000)
    (_, wim) = desk.join(WIM, expires_at=2_001)
    async with running(desk.hub):
        await eventually(lambda: "heartbeat" in types(vera), 1)
        desk.time.now = 2_000
        await eventually(lambda: vera.ended, 1)
    assert vera.frames[-1]["code"] == "unauthenticated"
    assert not wim.ended


async def test_a_hole_in_the_feed_ends_those_who_follow_so_that_they_resume() -> None:
    desk = Followers()
    (_, ana), (_, vera) = desk.join(ANA), desk.join(VERA)
    await desk.decide(1, audience=STAFF_AND_VERA)
    desk.hub.decided(decision([event(4, STAFF_AND_VERA)]))
    assert ana.ended
    assert vera.ended
    assert [frame["version"] for frame in ana.frames] == [1]
    assert (desk.channel.start, desk.channel.version) == (3, 4)
    (_, again) = desk.join(ANA)
    await desk.decide(5)
    assert [frame["prev"] for frame in again.frames] == [event(4).id]


async def test_what_the_feed_tells_twice_is_sent_once() -> None:
    desk = Followers()
    (_, ana) = desk.join(ANA)
    await desk.decide(1, 2)
    await desk.decide(2)
    await desk.decide(3)
    assert [frame["version"] for frame in ana.frames] == [1, 2, 3]


async def test_a_drain_ends_everything_and_says_so() -> None:
    desk = Followers()
    outlets = [desk.join(viewer, wire)[1] for viewer in (ANA, VERA) for wire in (SSE, WEBSOCKET)]
    desk.hub.drain()
    assert desk.hub.draining
    assert all(outlet.ended for outlet in outlets)
    assert desk.hub.sessions == 0


async def test_what_breaks_the_fan_out_is_raised_and_not_swallowed() -> None:
    desk = Followers(heartbeat=0.01)
    loop = asyncio.get_running_loop()
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    _, outlet = desk.join(ANA)
    outlet.ended = True  # its next write fails, which an outlet never does
    desk.hub.decided(decision([event(1)]))
    with pytest.raises(AssertionError):
        async with asyncio.timeout(2):
            await desk.hub.run()
    assert len(reported) == 1
