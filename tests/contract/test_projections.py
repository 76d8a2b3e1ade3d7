"""What every store of projections does. A new adapter adds a row to ADAPTERS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from projections.errors import Damaged, Hole
from projections.projector import rebuild
from projections.reading import Cut
from projections.store import Projections
from schemas import codec
from schemas.decisions import Decision
from schemas.refusals import Refused
from schemas.views import MessageView, StaffState, VisitorState
from simulator.client_state import apply, caught_up
from simulator.frames import EventFrame, decode_frame
from streams.domain.access import Viewer, audience_of
from streams.log.memory import MemoryLog
from tests.support import domain as d
from tests.support.domain import ACCOUNT, START, World
from tests.support.postgres import database_for
from tests.support.stories import DAY, a_day, interleaved, of_account, position, viewers


def rows_in_postgresql(directory: Path) -> str:
    """Empty rows of an empty log, which the first projector makes."""
    url = database_for(directory)

    async def make() -> None:
        rows = await Projections.open(url)
        await rebuild(MemoryLog(partitions=1), rows)
        await rows.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, make()).result()
    return url


ADAPTERS: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda directory: f"sqlite:///{directory / 'projections.sqlite3'}",
    "postgresql": rows_in_postgresql,
}


@pytest.fixture(params=sorted(ADAPTERS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the projections of this test are kept."""
    return ADAPTERS[request.param](tmp_path)


@pytest.fixture
async def projections(url: str) -> AsyncIterator[Projections]:
    """Empty projections."""
    opened = await Projections.open(url)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def world() -> World:
    """A day of the domain."""
    return a_day()


async def take(projections: Projections, decisions: list[Decision], count: int = 0) -> None:
    """Take up decisions, of which `count` came before."""
    await projections.apply(0, decisions, position(count + len(decisions)))


@pytest.fixture
async def day(projections: Projections, world: World) -> Projections:
    """Projections of that day."""
    await take(projections, world.decisions)
    return projections


# --- taking up ---------------------------------------------------------------------------------


async def test_nothing_is_there_before_the_first_decision(projections: Projections) -> None:
    assert await projections.positions() == {}
    assert await projections.head(ACCOUNT) == (0, "")
    assert await projections.account(ACCOUNT) is None
    assert await projections.events_after(ACCOUNT, 0) == []
    with pytest.raises(Refused, match="no such account"):
        await projections.state_for(_admin("nobody"))


async def test_the_version_and_the_position_are_those_of_the_last_decision(
    day: Projections, world: World
) -> None:
    last = world.decisions[-1]
    assert await day.head(ACCOUNT) == (last.version, last.events[-1].id)
    assert await day.version(ACCOUNT) == last.version
    assert await day.positions() == {0: position(len(world.decisions))}


async def test_a_position_belongs_to_who_asked_for_it(day: Projections, world: World) -> None:
    (await day.positions())[0].offset += 1
    assert await day.positions() == {0: position(len(world.decisions))}


async def test_what_was_taken_up_is_there_after_a_restart(url: str, world: World) -> None:
    first = await Projections.open(url)
    await take(first, world.decisions)
    state = await first.state_for(viewers(world)["ana"])
    await first.close()

    second = await Projections.open(url)
    assert await second.positions() == {0: position(len(world.decisions))}
    assert await second.state_for(viewers(world)["ana"]) == state
    await second.close()


async def test_decisions_that_were_taken_up_change_nothing(day: Projections, world: World) -> None:
    before = await day.state_for(viewers(world)["ana"])
    await take(day, world.decisions[10:])
    assert await day.state_for(viewers(world)["ana"]) == before
    assert len(await day.events_after(ACCOUNT, 0)) == before.version


async def test_a_hole_is_an_error_and_nothing_after_it_is_stored(
    projections: Projections, world: World
) -> None:
    await take(projections, world.decisions[:20])
    reached = await projections.version(ACCOUNT)
    with pytest.raises(Hole) as hole:
        await take(projections, world.decisions[21:])
    assert (hole.value.account, hole.value.expected) == (ACCOUNT, reached + 1)
    assert await projections.version(ACCOUNT) == reached
    assert await projections.positions() == {0: position(20)}

    await take(projections, world.decisions[20:])
    assert await projections.version(ACCOUNT) == world.decisions[-1].version


async def test_a_hole_shows_at_a_refused_decision_too(
    projections: Projections, world: World
) -> None:
    await take(projections, world.decisions[:5])
    refused = msgspec.structs.replace(world.decisions[20], events=())
    with pytest.raises(Hole):
        await take(projections, [refused])


async def test_a_chat_that_is_not_there_shows_damage(
    projections: Projections, world: World
) -> None:
    (first, *_), message = world.decisions, _decision_with(world, "message_posted")
    event = msgspec.structs.replace(message.events[0], version=first.version + 1)
    await take(projections, [first])
    with pytest.raises(Damaged, match="chats of account acme"):
        await take(projections, [msgspec.structs.replace(message, events=(event,))])


# --- what a client follows ---------------------------------------------------------------------


async def test_a_snapshot_and_the_events_after_it_are_the_next_snapshot(
    projections: Projections, world: World
) -> None:
    kinds = set()
    for count, decision in enumerate(world.decisions):
        before = {name: await _state(projections, who) for name, who in viewers(world).items()}
        await take(projections, [decision], count)
        kinds |= {type(event.data) for event in decision.events}
        for name, viewer in viewers(world).items():
            state, after = before[name], await _state(projections, viewer)
            if state is not None and after is not None:
                assert _followed(state, decision, viewer, after) == after, (name, decision)
    assert len(kinds) == 31, "each kind of event has happened"


async def test_events_are_given_in_order_from_any_version_on(
    day: Projections, world: World
) -> None:
    told = [event for decision in world.decisions for event in decision.events]
    found = await day.events_after(ACCOUNT, 40, 10)
    assert [stored.version for stored in found] == list(range(41, 51))
    for stored, event in zip(found, told[40:], strict=False):
        assert (stored.id, stored.audience) == (event.id, event.audience)
        assert stored.body == codec.encode(event)
    assert await day.events_after(ACCOUNT, len(told)) == []


async def test_a_visitor_holds_the_newest_hundred_messages(
    projections: Projections, world: World
) -> None:
    more = world_with_messages(150)
    await take(projections, more.decisions)
    visitor = Viewer(kind="visitor", id=more.id("c1's visitor"), account=ACCOUNT)
    state = await projections.state_for(visitor)
    assert isinstance(state, VisitorState)
    assert [_text(message) for message in state.messages] == [f"no {n}" for n in range(50, 150)]


async def test_only_staff_and_visitors_have_a_state(day: Projections) -> None:
    with pytest.raises(Refused, match="may not"):
        await day.state_for(Viewer(kind="system", id="system", account=ACCOUNT))
    with pytest.raises(Refused, match="no such visitor"):
        await day.state_for(Viewer(kind="visitor", id="nobody", account=ACCOUNT))


async def test_whoever_waits_for_a_version_is_woken_by_it(
    projections: Projections, world: World
) -> None:
    waiting = asyncio.create_task(projections.reached(ACCOUNT, 1, 10))
    never = asyncio.create_task(projections.reached(ACCOUNT, 10_000, 0.05))
    await asyncio.sleep(0)
    await take(projections, world.decisions[:1])
    assert await waiting is True
    assert await never is False
    assert await projections.reached(ACCOUNT, 1, 0) is True


async def test_a_version_of_an_earlier_run_is_reached_at_once(url: str, world: World) -> None:
    first = await Projections.open(url)
    await take(first, world.decisions)
    await first.close()
    second = await Projections.open(url)
    assert await second.reached(ACCOUNT, world.decisions[-1].version, 10) is True
    await second.close()


# --- who sees what -----------------------------------------------------------------------------


async def test_nothing_crosses_accounts(projections: Projections, world: World) -> None:
    both = interleaved(world.decisions, of_account(world.decisions, "other"))
    await take(projections, both)
    # The same ids stand in both accounts: whatever is changed in one must stay in the other.
    solo = msgspec.structs.replace(both[-1], version=both[-1].version + 1)
    close = _closing(solo, world)
    await take(projections, [close], len(both))
    here, there = _admin("tom"), msgspec.structs.replace(_admin("tom"), account=close.account)
    assert len(await projections.open_chats(ACCOUNT)) == 1 + len(
        await projections.open_chats(close.account)
    )
    chat = close.events[0].chat or ""
    mine, theirs = await projections.chat(here, chat), await projections.chat(there, chat)
    assert mine is not None
    assert theirs is not None
    assert (mine.status, theirs.status) == ("active", "closed")
    third = msgspec.structs.replace(here, account="third")
    assert (await projections.chats(third)).items == []
    assert (await projections.messages(third, chat=world.id("c1"))).items == []
    assert await projections.credentials("third", "ana") is None
    assert await projections.operator("third", world.id("ana")) is None


async def test_no_internal_message_reaches_a_visitor(day: Projections, world: World) -> None:
    visitor, ana = viewers(world)["c1's visitor"], viewers(world)["ana"]
    everything = (await day.messages(ana, chat=world.id("c1"))).items
    internal = [message for message in everything if message.internal]
    assert internal
    seen = (await day.messages(visitor, chat=world.id("c1"))).items
    assert seen == [message for message in everything if not message.internal]
    assert (await day.messages(visitor)).items == seen
    assert await day.message(visitor, internal[0].id) is None
    assert await day.message(visitor, "no id at all") is None
    assert await day.message(ana, internal[0].id) == internal[0]
    assert await day.message(visitor, seen[0].id) == seen[0]


async def test_a_chat_counts_the_messages_that_everybody_sees(
    day: Projections, world: World
) -> None:
    seen = (await day.messages(viewers(world)["c1's visitor"], chat=world.id("c1"))).items
    chat = await day.chat(viewers(world)["bob"], world.id("c1"))
    assert chat is not None
    assert (chat.messages, chat.last_message) == (len(seen), seen[-1].id)


async def test_a_visitor_sees_no_chat_and_no_message_of_another(
    day: Projections, world: World
) -> None:
    stranger = viewers(world)["ina"]
    of_c1 = viewers(world)["c1's visitor"].id
    assert (await day.chats(stranger)).items == []
    assert (await day.chats(stranger, visitor=of_c1)).items == []
    assert await day.chat(stranger, world.id("c1")) is None
    assert (await day.messages(stranger, chat=world.id("c1"))).items == []
    assert (await day.messages(stranger, visitor=of_c1)).items == []
    assert await day.message(stranger, world.id("hello")) is None


async def test_whoever_is_neither_staff_nor_visitor_sees_nothing(
    day: Projections, world: World
) -> None:
    system = Viewer(kind="system", id="system", account=ACCOUNT)
    assert (await day.chats(system)).items == []
    assert (await day.messages(system, chat=world.id("c1"))).items == []
    assert await day.chat(system, world.id("c1")) is None


# --- lists -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_pages_give_everything_once_in_order(
    day: Projections, world: World, order: Any
) -> None:
    everything = [chat.id for chat in (await day.chats(viewers(world)["ana"])).items]
    assert len(everything) == 8
    found: list[str] = []
    cursor = None
    while True:
        page = await day.chats(viewers(world)["ana"], Cut(cursor, limit=3, order=order))
        found += [chat.id for chat in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == (everything if order == "oldest" else everything[::-1])


async def test_chats_are_found_by_status_and_by_visitor(day: Projections, world: World) -> None:
    ana = viewers(world)["ana"]
    closed = (await day.chats(ana, status="closed")).items
    assert [chat.id for chat in closed] == [world.id("c2")]
    assert closed[0].owner == world.id("ana")
    assert closed[0].closed_at is not None
    of_visitor = (await day.chats(ana, visitor=world.id("c1's visitor"))).items
    assert [chat.id for chat in of_visitor] == [world.id("c1")]
    everything = (await day.chats(ana)).items
    assert await day.open_chats(ACCOUNT) == [c for c in everything if c.status != "closed"]


async def test_messages_are_found_by_visitor_over_all_chats(day: Projections, world: World) -> None:
    ana = viewers(world)["ana"]
    by_visitor = (await day.messages(ana, visitor=world.id("c1's visitor"))).items
    assert by_visitor == (await day.messages(ana, chat=world.id("c1"))).items
    newest = await day.messages(ana, Cut(limit=1, order="newest"), visitor=world.id("c1's visitor"))
    assert newest.items == by_visitor[-1:]
    assert newest.next == newest.items[0].id
    with pytest.raises(ValueError, match="which chat"):
        await day.messages(ana)


async def test_the_organisation_is_listed_and_found_one_by_one(
    day: Projections, world: World
) -> None:
    state = await day.state_for(viewers(world)["ana"])
    assert isinstance(state, StaffState)
    assert state.account == await day.account(ACCOUNT)
    assert (await day.operators(ACCOUNT)).items == list(state.operators)
    assert (await day.desks(ACCOUNT)).items == list(state.desks)
    assert (await day.groups(ACCOUNT)).items == list(state.groups)
    assert await day.operator(ACCOUNT, world.id("ana")) == state.operators[0]
    assert await day.desk(ACCOUNT, state.desks[0].id) == state.desks[0]
    assert await day.group(ACCOUNT, world.id("sales")) == state.groups[0]
    assert [operator.name for operator in state.operators] == ["ana", "Robert", "sue", "tom"]
    assert state.groups[0].name == "Sales"


async def test_visitors_are_listed_as_they_are_now(day: Projections, world: World) -> None:
    ina = await day.visitor(ACCOUNT, world.id("ina"))
    assert ina is not None
    assert (ina.name, ina.email) == ("Ina", "ina@example.org")
    page = await day.visitors(ACCOUNT, Cut(limit=1))
    assert page.items == [ina]
    assert page.next == ina.id


# --- who may come in ---------------------------------------------------------------------------


async def test_a_login_leads_to_the_operator_and_the_hash(day: Projections, world: World) -> None:
    assert await day.credentials(ACCOUNT, "bob") == (world.id("bob"), "agent", "hash-of-bob")
    assert await day.credentials(ACCOUNT, "tom") is None, "no password"
    assert await day.credentials(ACCOUNT, "eve") is None, "removed"
    assert await day.credentials(ACCOUNT, "nobody") is None


async def test_a_token_is_known_until_it_is_revoked(day: Projections, world: World) -> None:
    token = await day.token("b" * 64)
    assert token is not None
    assert (token.account, token.operator, token.role) == (ACCOUNT, world.id("bob"), "agent")
    assert token.expires_at == START + DAY
    assert await day.tokens(ACCOUNT, world.id("bob")) == [token]
    assert await day.token("a" * 64) is None, "revoked"
    assert await day.token("e" * 64) is None, "its operator was removed"


async def test_a_new_token_sweeps_out_the_expired_ones(
    projections: Projections, world: World
) -> None:
    issued = _decision_with(world, "token_issued")
    count = world.decisions.index(issued) + 1
    await take(projections, world.decisions[:count])
    event = issued.events[0]
    later = msgspec.structs.replace(
        event,
        id=event.id + "x",
        version=event.version + 1,
        at=START + 2 * DAY,
        data=msgspec.structs.replace(event.data, token="f" * 64, expires_at=START + 3 * DAY),
    )
    await take(projections, [msgspec.structs.replace(issued, events=(later,))], count)
    assert [token.token for token in await projections.tokens(ACCOUNT, world.id("bob"))] == [
        "f" * 64
    ]


# --- the small print of these tests --------------------------------------------------------------


def _admin(id: str) -> Viewer:
    return Viewer(kind="operator", id=id, account=ACCOUNT, role="admin")


def _decision_with(world: World, kind: str) -> Decision:
    for decision in world.decisions:
        for event in decision.events:
            if event.data.__struct_config__.tag == kind:
                return decision
    raise AssertionError(kind)


def _closing(like: Decision, world: World) -> Decision:
    """The end of chat c1 in the account of `like`."""
    closed = world.decisions[next(i for i, d in enumerate(world.decisions) if _closes(d))]
    event = next(e for e in closed.events if e.data.__struct_config__.tag == "chat_closed")
    event = msgspec.structs.replace(event, version=like.version, chat=world.id("c1"))
    return msgspec.structs.replace(like, events=(event,))


def _closes(decision: Decision) -> bool:
    return any(event.data.__struct_config__.tag == "chat_closed" for event in decision.events)


async def _state(projections: Projections, viewer: Viewer) -> StaffState | VisitorState | None:
    try:
        return await projections.state_for(viewer)
    except Refused:
        return None


def _frames(decision: Decision, viewer: Viewer) -> list[EventFrame]:
    """What this viewer is sent of a decision, read back from its JSON."""
    frames = []
    for event in decision.events:
        if set(event.audience) & set(audience_of(viewer)):
            shown = {"type": "event", **msgspec.to_builtins(event)}
            del shown["audience"]
            frame = decode_frame(msgspec.json.encode(shown))
            assert isinstance(frame, EventFrame)
            frames.append(frame)
    return frames


def _followed(
    state: StaffState | VisitorState,
    decision: Decision,
    viewer: Viewer,
    to: StaffState | VisitorState,
) -> StaffState | VisitorState:
    """What the viewer's client makes of a decision, once it is told that it has caught up."""
    for frame in _frames(decision, viewer):
        state = apply(state, frame.event)
    return caught_up(state, to.id, to.version)


def _text(message: MessageView) -> str:
    return getattr(message.content, "text", "")


def world_with_messages(count: int) -> World:
    """One open chat in which the visitor has said `no 0`, `no 1` and so on."""
    said = [d.post_message("c1", f"no {n}", by="c1's visitor") for n in range(count)]
    return d.given(d.open_chat("c1", desk="front"), *said).world
