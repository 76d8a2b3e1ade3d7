"""The history checker is green on a good day, and each planted fault turns it red by its code."""

import pytest

from schemas.actions import CloseChat
from schemas.codec import encode
from schemas.decisions import Fence
from simulator.checker import check
from simulator.faults import FAULTS
from simulator.history import History, NoHistory
from streams.domain.access import Viewer
from streams.log.memory import MemoryLog
from tests.support.history import START, Day, chained, check_values
from tests.support.planted import PLANTS
from tests.support.planted.register import chat_of, live_frames


def test_a_good_day_is_clean(day: Day) -> None:
    verdict = day.check()
    assert verdict.clean, str(verdict)
    assert verdict.checked["frames"] > 15
    assert verdict.checked["answers"] == 11


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_a_planted_fault_turns_the_checker_red(day: Day, name: str) -> None:
    PLANTS[name](day)
    verdict = day.check()
    assert verdict.codes == {name.partition(":")[0]}, str(verdict)


def test_every_fault_that_the_checker_knows_is_planted() -> None:
    elsewhere = {"chain_broken", "record_unreadable"}
    assert {name.partition(":")[0] for name in PLANTS} | elsewhere == set(FAULTS)


def test_a_changed_record_breaks_the_chain(day: Day) -> None:
    values = chained(day.log)
    place = next(p for p, d in enumerate(day.log) if d.account == "acme") + 1
    value = values[place].replace(b'"name":"help"', b'"name":"hell"')
    assert value != values[place]
    values[place] = value
    for client in day.history.clients:
        client.frames = type(client.frames)()
        client.notes = []
    assert check_values(day.history, values).codes == {"chain_broken"}


def test_a_report_names_the_client_and_the_id(day: Day) -> None:
    got = live_frames(day)
    lost = got.pop(3)
    day.alter_frames("ana", got)
    fault = day.check().faults[0]
    assert (fault.code, fault.client, fault.account, fault.id) == (
        "frame_missing",
        "ana",
        "acme",
        lost.id,
    )


def test_many_faults_of_one_kind_are_counted_but_not_all_kept(day: Day) -> None:
    for _ in range(50):
        day.client("vito").saw("chat", chat_of(day))
    verdict = day.check()
    assert verdict.found["audience_leaked"] == 50
    assert len(verdict.faults) == 20


async def test_a_log_is_read_by_the_fence_rule(day: Day) -> None:
    values = chained(day.log)
    zombie = values[3].replace(b'"fence":0', b'"fence":-1')
    log = MemoryLog(partitions=2)
    fence = encode(Fence(decider="test", at=START))
    await log.append("events", 1, [fence, *values[:5], zombie, values[4], *values[5:]])
    day.settle()
    verdict = await check(day.history, log)
    assert verdict.clean, str(verdict)
    assert verdict.checked["ignored"] == 2
    assert verdict.checked["decisions"] == len(day.log)


async def test_a_record_that_cannot_be_read_is_reported_with_its_place() -> None:
    log = MemoryLog(partitions=2)
    await log.append("events", 1, [b"poison, which no reader accepts", b'{"type":"fence"}'])
    verdict = await check(History(), log)
    assert verdict.codes == {"record_unreadable"}
    assert verdict.faults[0].id == "events/1@1"


def test_a_history_that_is_not_kept_stays_empty() -> None:
    client = NoHistory().client("ana", Viewer(kind="operator", id="ana", account="acme"))
    place = client.send("key", CloseChat(chat="c"))
    client.accepted(place, None, 1)
    client.opened("sse", None)
    client.saw("chat", "c")
    for kept in (client.sent, client.answers, client.notes, client.reads):
        assert not kept
