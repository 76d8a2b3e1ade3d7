"""The headers of each kind of record."""

import json

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from schemas import actions as a
from schemas import codec, signals
from schemas.decisions import Decision, Fence
from schemas.signals import Signal
from schemas.values import SYSTEM, Actor, TextContent
from streams.cloudevents import headers_of, key_of
from streams.domain.partition import Partition, judge, judge_malformed
from streams.log.port import TOPICS, Topic
from tests.support.domain import World, given, open_chat, post_message

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
AT = 1_700_000_000_123
VERA = Actor(kind="visitor", id="vera")


def action(data: a.AnyAction, trace: str | None = None) -> bytes:
    made = a.Action(id="a-1", account="acme", actor=VERA, at=AT, data=data, trace=trace)
    return codec.encode(made)


def headers(topic: Topic, value: bytes) -> dict[str, str]:
    pairs = headers_of(topic, value)
    found = {name: text.decode() for name, text in pairs}
    assert len(found) == len(pairs)
    return found


def decided() -> tuple[World, Decision]:
    then = given(open_chat("c1", desk="sales")).when(post_message("c1", by="ana"))
    return then.world, then.decision


POST = a.PostMessage(chat="chat-1", content=TextContent(text="Hello"))


def test_an_action_names_itself_its_account_its_chat_and_its_trace() -> None:
    assert headers("actions", action(POST, TRACE)) == {
        "ce_specversion": "1.0",
        "content-type": "application/json",
        "ce_id": "a-1",
        "ce_source": "/accounts/acme/actions",
        "ce_type": "deskstream.action.post_message",
        "ce_time": "2023-11-14T22:13:20.123Z",
        "ce_partitionkey": "acme",
        "ce_subject": "chat-1",
        "traceparent": TRACE,
    }


def test_an_action_about_no_chat_and_without_a_trace_says_nothing_of_them() -> None:
    found = headers("actions", action(a.AddVisitor()))
    assert found["ce_type"] == "deskstream.action.add_visitor"
    assert not {"ce_subject", "traceparent"} & set(found)


def test_a_decision_says_what_came_of_the_action() -> None:
    world, decision = decided()
    found = headers("events", codec.encode(decision))
    assert found["ce_type"] == "deskstream.decision.accepted"
    assert found["ce_id"] == f"{decision.action}.{decision.fence}"
    assert found["ce_source"] == "/accounts/acme/events"
    assert found["ce_subject"] == world.id("c1")
    assert found["ce_partitionkey"] == "acme"


def test_a_decision_carries_its_actions_trace_on() -> None:
    asked = codec.decode_action(action(a.AddGroup(name="Sales"), trace=TRACE))
    found = headers("events", codec.encode(judge(Partition(), asked, source=0, fence=0)))
    assert found["traceparent"] == TRACE


def test_a_refused_and_a_repeated_decision_say_so() -> None:
    world, decision = decided()
    refused = world.do("ana", a.CloseChat(chat="none"))
    assert headers("events", codec.encode(refused))["ce_type"] == "deskstream.decision.refused"
    again = world.do("ana", a.CloseChat(chat="none"), id=decision.action)
    assert headers("events", codec.encode(again))["ce_type"] == "deskstream.decision.repeated"


def test_two_terms_about_one_action_are_two_events() -> None:
    _, decision = decided()
    other = codec.encode(decision).replace(b'"fence":0', b'"fence":7')
    assert headers("events", other)["ce_id"] != headers("events", codec.encode(decision))["ce_id"]


def test_a_decision_about_poison_has_no_key_and_an_id_of_its_own_in_every_partition() -> None:
    first = codec.encode(judge_malformed(Partition(), "no JSON", source=3, fence=0, at=AT))
    other = codec.encode(judge_malformed(Partition(), "no text", source=3, fence=0, at=AT))
    assert headers("events", first)["ce_id"] != headers("events", other)["ce_id"]
    assert key_of(headers_of("events", first)) is None


def test_a_fence_names_its_decider_and_has_no_key() -> None:
    fence = codec.encode(Fence(decider="d-1", at=AT))
    found = headers("events", fence)
    assert found["ce_type"] == "deskstream.fence"
    assert found["ce_source"] == "/deciders/d-1"
    assert key_of(headers_of("events", fence)) is None
    assert found["ce_id"] != headers("events", fence)["ce_id"]  # as in two partitions


def test_a_signal_says_its_kind_and_its_chat() -> None:
    data = signals.Typing(chat="chat-1")
    signal = Signal(account="acme", at=AT, actor=SYSTEM, audience=("staff",), data=data)
    found = headers("signals", codec.encode(signal))
    assert found["ce_type"] == "deskstream.signal.typing"
    assert found["ce_subject"] == "chat-1"
    assert found["ce_source"] == "/accounts/acme/signals"
    assert key_of(headers_of("signals", codec.encode(signal))) == b"acme"


def test_a_visit_is_described_whatever_it_consists_of() -> None:
    found = headers("visits", json.dumps({"account": "acme", "at": AT, "url": "/"}).encode())
    assert found["ce_type"] == "deskstream.visit"
    assert found["ce_source"] == "/accounts/acme/visits"


@pytest.mark.parametrize("topic", TOPICS)
@given_any(value=st.binary(max_size=40))
def test_poison_is_described_as_such(topic: Topic, value: bytes) -> None:
    found = headers(topic, value)
    assert found["ce_type"] == "deskstream.unreadable"
    assert found["ce_source"] == f"/{topic}"
    assert found["ce_id"] == headers(topic, value)["ce_id"]


@pytest.mark.parametrize(
    "spoilt", [b'"account":"A B"', b'"account":"\\u00e4"', b'"account":"acme","at":-1e400']
)
def test_what_no_header_should_hold_makes_a_record_unreadable(spoilt: bytes) -> None:
    value = action(POST).replace(b'"account":"acme"', spoilt)
    assert headers("actions", value)["ce_type"] == "deskstream.unreadable"


def test_a_time_out_of_range_makes_a_record_unreadable() -> None:
    value = action(POST).replace(str(AT).encode(), b"9" * 18)
    assert headers("actions", value)["ce_type"] == "deskstream.unreadable"


def test_a_snapshot_is_no_event() -> None:
    assert headers_of("snapshots", b"anything") == []
