"""Judging, folding, duplicates, poison, the chain and snapshots."""

import msgspec
import pytest

from schemas import actions as a
from schemas import codec
from schemas.actions import Action
from schemas.decisions import RULES, Answer, Decision
from schemas.refusals import Refusal
from schemas.values import SYSTEM, Actor, TextContent
from streams.domain import partition as partitions
from streams.domain import recent
from streams.domain.partition import (
    Partition,
    fold,
    freeze,
    judge,
    judge_malformed,
    judge_within,
    thaw,
)
from streams.domain.recent import RECENT_WINDOW
from streams.errors import ChainBroken, SnapshotUnusable
from streams.settings import Settings
from tests.support.domain import (
    ACCOUNT,
    START,
    World,
    account,
    chat_request,
    close_chat,
    given,
    mark_read,
    open_chat,
    operator,
    post_message,
    request_chat,
    visitor,
)


def hello() -> World:
    return given(open_chat("c1", desk="sales"), visitor("vic")).world


# --- the decision ------------------------------------------------------------------------------


def test_a_decision_says_what_was_decided_by_whom_and_when() -> None:
    world = hello()
    act = post_message("c1", by="ana").sent(key="k", id="x")
    decision = act.decide(world)
    assert decision.account == ACCOUNT
    assert decision.action == "x"
    assert decision.key == "k"
    assert decision.actor == world.actor("ana")
    assert decision.at == world.at
    assert decision.rules == RULES
    assert (decision.source, decision.fence) == (len(world.decisions) - 1, 0)
    assert decision.answer == Answer(
        action="x", version=world.account.version, id=decision.events[0].id
    )


def test_a_refusal_is_a_decision_without_events() -> None:
    then = given(operator("ana")).when(close_chat("no", by="ana"))
    refused = Refusal(code="chat_unknown", detail="There is no such chat.")
    assert then.decision.events == ()
    assert then.decision.refused == refused
    assert then.decision.answer.refused == refused
    assert then.decision.version == then.account.version


def test_an_unreadable_action_is_refused_in_no_account() -> None:
    decision = judge_malformed(Partition(), "x" * 5_000, source=7, fence=3, at=START)
    assert decision.account == ""
    assert decision.action == "malformed-7"
    assert decision.actor == SYSTEM
    assert decision.refused == Refusal(code="malformed", detail="x" * 300)
    assert (decision.source, decision.fence, decision.at) == (7, 3, START)


# --- repetitions -------------------------------------------------------------------------------


def test_the_same_action_again_gets_the_first_answer_and_makes_no_event() -> None:
    world = hello()
    said = post_message("c1", by="ana").sent(id="x")
    first = said.decide(world)
    again = said.decide(world)
    assert again.events == ()
    assert again.repeats == again.answer == first.answer


def test_the_same_key_again_gets_the_first_answer() -> None:
    world = hello()
    first = post_message("c1", "Hi", by="ana").sent(id="x", key="k").decide(world)
    again = post_message("c1", "Bye", by="ana").sent(id="y", key="k").decide(world)
    assert again.repeats == first.answer
    assert again.answer.action == "x"


def test_a_refusal_and_a_change_of_nothing_are_repeated_too() -> None:
    world = hello()
    refused = close_chat("no", by="ana").sent(key="k").decide(world)
    assert close_chat("c1", by="ana").sent(key="k").decide(world).repeats == refused.answer
    said = post_message("c1", by="ana", named="m1").decide(world)
    assert said.answer.id == world.id("m1")
    mark_read("c1", "m1", by="ana").decide(world)
    nothing = mark_read("c1", "m1", by="ana").sent(key="r").decide(world)
    assert (nothing.answer.id, nothing.answer.refused) == (None, None)
    assert mark_read("c1", "m1", by="ana").sent(key="r").decide(world).repeats == nothing.answer


def test_a_refusals_text_is_repeated_as_it_was() -> None:
    world = hello()
    refused = post_message("c1", by="c1's visitor", internal=True).sent(id="x").decide(world)
    again = post_message("c1", by="c1's visitor", internal=True).sent(id="x").decide(world)
    assert refused.refused is not None
    assert " " in refused.refused.detail
    assert again.repeats is not None
    assert again.repeats.refused == refused.refused


def test_a_key_belongs_to_its_actor_and_account() -> None:
    world = hello()
    post_message("c1", by="ana").sent(key="k").decide(world)
    other = post_message("c1", by="c1's visitor").sent(key="k").decide(world)
    assert other.repeats is None
    elsewhere = post_message("c1", by="ana").sent(key="k", account="other").decide(world)
    assert elsewhere.refused is not None
    assert elsewhere.refused.code == "account_unknown"


def test_an_actors_id_does_not_run_into_the_key() -> None:
    world = hello()
    for number, (id, key) in enumerate((("a b", "c"), ("a", "b c"))):
        actor = Actor(kind="bot", id=id)
        decision = world.do("system", a.AddVisitor(), actor=actor, key=key, id=f"n{number}")
        assert decision.repeats is None


def test_keys_are_remembered_for_the_window_and_forgotten_after_two() -> None:
    world = hello()
    said = post_message("c1", by="ana").sent(key="k")
    said.decide(world)
    for _ in range(2):
        world.at += RECENT_WINDOW - 5_000
        assert said.decide(world).repeats is not None
        close_chat("no", by="ana").decide(world)
    world.at += RECENT_WINDOW
    close_chat("no", by="ana").decide(world)
    assert said.decide(world).repeats is None


def test_an_old_key_is_found_by_key_as_well_as_by_id() -> None:
    world = hello()
    first = post_message("c1", by="ana").sent(key="k", id="x").decide(world)
    world.at += RECENT_WINDOW
    close_chat("no", by="ana").decide(world)
    assert post_message("c1", by="ana").sent(key="k").decide(world).repeats == first.answer
    assert post_message("c1", by="ana").sent(id="x").decide(world).repeats == first.answer


def test_the_memory_is_bounded_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "RECENT_LIMIT", 3)
    world = hello()
    post_message("c1", by="ana").sent(id="x").decide(world)
    for _ in range(10):
        close_chat("no", by="ana").decide(world)
    memory = world.partition.recent
    assert len(memory.young.answers) <= 3
    assert len(memory.old.answers) <= 3
    assert post_message("c1", by="ana").sent(id="x").decide(world).repeats is None


# --- the chain ---------------------------------------------------------------------------------


def test_each_decision_carries_the_hash_of_the_accounts_last_one() -> None:
    world = hello()
    chain = ""
    for decision in world.decisions:
        assert decision.prev == chain
        chain = codec.digest(codec.encode(decision))
    assert world.account.chain == chain


def test_accounts_have_chains_of_their_own_and_what_has_no_account_shares_one() -> None:
    world = hello()
    chain = world.account.chain
    unknown = world.do("system", a.AddVisitor(), account="nowhere")
    assert unknown.prev == ""
    poison = judge_malformed(world.partition, "poison", source=99, fence=0, at=world.at)
    assert poison.prev == codec.digest(codec.encode(unknown))
    world.take(poison)
    made = world.do("system", a.CreateAccount(name="Other"), account="other")
    assert made.prev == codec.digest(codec.encode(poison))
    first = world.do("system", a.AddVisitor(), account="other")
    assert first.prev == codec.digest(codec.encode(made))
    assert world.account.chain == chain
    assert world.partition.accounts["other"].id == "other"


@pytest.mark.parametrize("fault", ["altered", "missing", "swapped"])
def test_a_broken_chain_is_noticed_and_nothing_is_folded(fault: str) -> None:
    world = hello()
    decisions = list(world.decisions)
    if fault == "missing":
        del decisions[3]
    if fault == "swapped":
        decisions[3:5] = reversed(decisions[3:5])
    partition = Partition()
    before = freeze(partition)

    def fold_all() -> None:
        nonlocal before
        for number, decision in enumerate(decisions):
            before = freeze(partition)
            raw = codec.encode(decision)
            fold(partition, decision, raw + b" " if (fault, number) == ("altered", 2) else raw)

    with pytest.raises(ChainBroken, match=f"action-{3 if fault == 'altered' else 4} "):
        fold_all()
    assert freeze(partition) == before


def test_what_an_account_has_taken_up_already_is_passed_over() -> None:
    """A snapshot's accounts may be newer than its offset."""
    world = hello()
    account = world.account
    older = replayed(world.decisions[:-3])
    older.accounts[ACCOUNT] = account
    for decision in world.decisions[-3:]:
        fold(older, decision, codec.encode(decision))
    assert older == world.partition


# --- state and snapshots -----------------------------------------------------------------------


def replayed(decisions: list[Decision]) -> Partition:
    partition = Partition()
    for decision in decisions:
        raw = codec.encode(decision)
        fold(partition, codec.decode_event_record(raw), raw)  # type: ignore[arg-type]
    return partition


def test_the_same_decisions_give_the_same_state() -> None:
    world = hello()
    assert replayed(world.decisions) == world.partition
    assert world.partition.source == len(world.decisions) - 1


def test_a_snapshot_gives_the_state_back() -> None:
    world = hello()
    post_message("c1", by="ana").sent(key="k")(world)
    thawed = thaw(freeze(world.partition))
    assert thawed == world.partition
    world.partition = thawed
    assert post_message("c1", by="ana").sent(key="k").decide(world).repeats is not None


def test_snapshots_of_another_schema_are_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    value = freeze(Partition())
    monkeypatch.setattr(partitions, "STATE_SCHEMA", partitions.STATE_SCHEMA + 1)
    with pytest.raises(SnapshotUnusable, match=r"schema \d+, not \d+"):
        thaw(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00",
        b"garbage",
        freeze(Partition())[:-1],
        msgspec.msgpack.encode((partitions.STATE_SCHEMA, ["no state"])),
    ],
)
def test_what_is_no_snapshot_is_unusable(value: bytes) -> None:
    with pytest.raises(SnapshotUnusable, match="Not a snapshot"):
        thaw(value)


def test_memory_is_bounded_by_what_is_open() -> None:
    world = given(operator("ana")).world
    sizes = []
    for number in range(3):
        for count in range(20):
            name = f"{number}-{count}"
            visitor(name)(world)
            request_chat(name, named=f"c{name}")(world)
            post_message(f"c{name}", by=name)(world)
            close_chat(f"c{name}", by=name)(world)
        sizes.append(len(msgspec.msgpack.encode(world.account)))
    assert max(sizes) - min(sizes) < 10  # only the counters grow


# --- what is too large for one record ------------------------------------------------------------


def within(most: int, world: World, data: a.AnyAction) -> Decision:
    """The decision about an action of the system, of so many bytes at most."""
    source = len(world.decisions)
    action = Action(id=f"x{source}", account=ACCOUNT, actor=SYSTEM, at=world.at, data=data)
    decision, value = judge_within(most, world.partition, action, source=source, fence=0)
    assert len(value) <= most
    assert codec.decode_event_record(value) == decision
    world.take(decision)
    return decision


def test_a_decision_that_fits_is_as_it_would_be() -> None:
    world = hello()
    data = a.AddGroup(name="Sales")
    source = len(world.decisions)
    action = Action(id=f"x{source}", account=ACCOUNT, actor=SYSTEM, at=world.at, data=data)
    expected = judge(world.partition, action, source=source, fence=0)
    assert within(len(codec.encode(expected)), world, data) == expected


def test_a_decision_larger_than_a_record_is_refused_and_changes_nothing() -> None:
    world = hello()
    version = world.account.version
    message = a.PostMessage(chat=world.id("c1"), content=TextContent(text="x" * 3_800))
    refused = within(4_096, world, message)
    assert refused.refused == Refusal(
        code="record_too_large",
        detail="The action, or what follows from it, is more than one record may hold.",
    )
    assert (refused.version, refused.events, refused.why) == (version, (), ())
    assert within(4_096, world, a.AddGroup(name="Sales")).version == version + 1


def test_fewer_of_those_who_wait_are_served_when_a_record_cannot_hold_them_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.support.domain.check_state", lambda partition: None)
    waiting = [chat_request(f"c{number}") for number in range(40)]
    world = given(account(desk_limit=100), operator("ana", availability="away"), *waiting).world
    online = a.SetAvailability(operator=world.id("ana"), availability="online")
    served = [len(within(8_192, world, online).why)]
    for _ in range(3):
        settings = a.ChangeSettings(no_answer_after=60_000 + len(served))
        served.append(len(within(8_192, world, settings).why))
    assert served == [10, 10, 10, 10]


def test_the_largest_refusal_fits_into_the_smallest_record() -> None:
    world = hello()
    widest = "\x01"
    action = Action(
        id=widest * 64,
        account="a" * 63,
        actor=Actor(kind="operator", id=widest * 64, device=widest * 64),
        at=2**48 - 1,
        data=a.AddGroup(name="Sales"),
        key=widest * 255,
        trace=f"00-{'0' * 32}-{'0' * 16}-00",
    )
    _, value = judge_within(0, world.partition, action, source=2**53, fence=2**53)
    poison = judge_malformed(world.partition, widest * 999, source=2**53, fence=2**53, at=2**47)
    smallest = Settings.model_fields["max_record"].metadata[0].ge
    assert max(len(value), len(codec.encode(poison))) < smallest


def test_judging_takes_no_notice_of_the_folded_action() -> None:
    partition = Partition()
    action = Action(
        id="x", account="acme", actor=SYSTEM, at=START, data=a.CreateAccount(name="Acme")
    )
    one = judge(partition, action, source=0, fence=0)
    assert judge(partition, action, source=0, fence=0) == one
    assert partition == Partition()
