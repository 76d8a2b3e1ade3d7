"""The hub: who is told what, and that nothing stays behind."""

import gc
import weakref

from api.live.hub import Hub
from api.live.wire import POLL, SSE, WEBSOCKET
from schemas.signals import Signal, Typing
from schemas.values import Actor, Audience
from tests.support.eventually import eventually
from tests.support.followers import STAFF_AND_VERA, Followers, Time, running, types
from tests.support.live import ACCOUNT, ANA, BEN, VERA, WIM, decision, event


def typing(audience: Audience, actor: Actor) -> Signal:
    return Signal(account=ACCOUNT, at=1, actor=actor, audience=audience, data=Typing(chat="c"))


# --- who is told -----------------------------------------------------------------------------


async def test_clients_of_one_kind_and_transport_are_given_the_very_same_bytes() -> None:
    desk = Followers()
    (_, ana), (_, ben) = desk.join(ANA), desk.join(BEN)
    (_, other_wire) = desk.join(BEN, WEBSOCKET)
    await desk.decide(1, 2)
    assert ana.writes[0] is ben.writes[0]
    assert ana.writes[0] != other_wire.writes[0]
    assert ana.frames == other_wire.frames


async def test_what_is_decided_within_one_turn_is_one_write() -> None:
    desk = Followers()
    (_, ana) = desk.join(ANA)
    for version in (1, 2, 3):
        desk.hub.decided(decision([event(version)]))
    await desk.written()
    assert len(ana.writes) == 1
    assert [frame["version"] for frame in ana.frames] == [1, 2, 3]


async def test_an_event_for_one_operator_alone_reaches_nobody_else() -> None:
    desk = Followers()
    (_, ana), (_, ben), (_, vera) = desk.join(ANA), desk.join(BEN), desk.join(VERA)
    await desk.decide(1, audience=("operator:ana",))
    await desk.decide(2)
    assert [frame["version"] for frame in ana.frames] == [1, 2]
    assert [frame["version"] for frame in ben.frames] == [2]
    assert ben.frames[0]["prev"] == ""
    assert vera.frames == []


async def test_a_signal_reaches_those_it_concerns_but_for_its_sender() -> None:
    desk = Followers()
    (_, ana), (_, vera), (_, wim) = desk.join(ANA), desk.join(VERA), desk.join(WIM)
    desk.hub.signal(typing(STAFF_AND_VERA, Actor(kind="visitor", id="vera")))
    assert types(ana) == ["signal"]
    assert "audience" not in ana.frames[0]
    assert (vera.frames, wim.frames) == ([], [])


async def test_a_signal_for_one_operator_reaches_no_other() -> None:
    desk = Followers()
    (_, ana), (_, ben) = desk.join(ANA), desk.join(BEN)
    desk.hub.signal(typing(("operator:ana",), Actor(kind="visitor", id="vera")))
    assert types(ana) == ["signal"]
    assert ben.frames == []


async def test_a_signal_for_an_account_that_nobody_follows_is_forgotten() -> None:
    hub = Hub(Time(), heartbeat=1_000, memory=1_000)
    hub.signal(typing(("staff",), Actor(kind="visitor", id="vera")))
    assert hub.channel(ACCOUNT) is None


async def test_heartbeats_go_to_streams_and_not_to_long_polls() -> None:
    desk = Followers(heartbeat=0.01)
    (_, ana), (_, polling) = desk.join(ANA), desk.join(BEN, POLL)
    async with running(desk.hub):
        await eventually(lambda: "heartbeat" in types(ana), 1)
    assert polling.frames == []


# --- nothing stays behind --------------------------------------------------------------------


async def test_five_hundred_connections_that_go_at_once_leave_nothing() -> None:
    desk = Followers()
    joined = [desk.join(viewer, SSE, token="t") for viewer in (ANA, BEN, VERA, WIM) * 125]
    await desk.decide(1, audience=STAFF_AND_VERA)
    gone = [weakref.ref(session) for session, _ in joined]
    for session, _ in joined:
        desk.hub.leave(session)
        desk.hub.leave(session)
    del joined, session
    gc.collect()
    assert desk.hub.sessions == 0
    assert desk.hub.open[SSE] == 0
    assert desk.channel.kinds == {}
    assert [ref for ref in gone if ref() is not None] == []


async def test_who_leaves_before_the_round_is_written_nothing() -> None:
    desk = Followers()
    session, outlet = desk.join(ANA)
    _, stays = desk.join(BEN)
    desk.hub.decided(decision([event(1)]))
    desk.hub.leave(session)
    await desk.written()
    assert outlet.frames == []
    assert types(stays) == ["event"]


async def test_who_leaves_during_a_round_is_written_nothing_more() -> None:
    desk = Followers()
    _, first = desk.join(ANA)
    second, outlet = desk.join(BEN)
    first.on_write = lambda: desk.hub.leave(second)
    await desk.decide(1)
    assert types(first) == ["event"]
    assert outlet.frames == []


async def test_memory_is_bounded_and_forgets_the_oldest_first() -> None:
    desk = Followers(memory=5_000)
    for version in range(1, 101):
        await desk.decide(version)
    assert desk.channel.size <= 5_000
    assert 0 < len(desk.channel.recent) < 100
    assert desk.channel.recent[-1].version == 100
    assert desk.channel.recent[0].version == desk.channel.start + 1


async def test_nothing_is_forgotten_before_it_is_written() -> None:
    desk = Followers(memory=1)
    (_, ana) = desk.join(ANA)
    for version in range(1, 51):
        desk.hub.decided(decision([event(version)]))
    assert len(desk.channel.recent) == 50
    await desk.written()
    assert [frame["version"] for frame in ana.frames] == list(range(1, 51))
    await desk.decide(51)
    await desk.decide(52)
    assert len(desk.channel.recent) == 1
