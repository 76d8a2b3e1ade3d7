"""What a fetch session asks for, as it stands in the request."""

from types import SimpleNamespace
from typing import Any

from aiokafka.protocol.fetch import FetchRequest_v11
from aiokafka.structs import TopicPartition

from streams.log.kafka_session import Fetch, FetchSession, Positions, single_request

A, B = TopicPartition("events", 0), TopicPartition("events", 1)


def asked(session: FetchSession, positions: Positions) -> Any:
    return session.request(positions, Fetch()).build(FetchRequest_v11)


def offsets(built: Any) -> dict[tuple[str, int], int]:
    return {
        (topic, partition[0]): partition[2]
        for topic, partitions in built.topics
        for partition in partitions
    }


def answer(session: FetchSession, *, error: int = 0, id: int = 7) -> bool:
    return session.answered(SimpleNamespace(error_code=error, session_id=id))


def test_a_session_begins_with_everything_and_goes_on_with_what_changed() -> None:
    session = FetchSession()
    first = asked(session, {A: 1, B: 2})
    assert (first.session_id, first.session_epoch) == (0, 0)
    assert offsets(first) == {A: 1, B: 2}
    assert answer(session)
    second = asked(session, {A: 1, B: 5})
    assert (second.session_id, second.session_epoch) == (7, 1)
    assert offsets(second) == {B: 5}
    assert answer(session)
    assert asked(session, {A: 1, B: 5}).session_epoch == 2


def test_what_is_not_followed_any_more_is_forgotten() -> None:
    session = FetchSession()
    asked(session, {A: 1, B: 2})
    answer(session)
    second = asked(session, {A: 1})
    assert second.forgotten_topics_data == [("events", [1])]
    answer(session)
    assert asked(session, {A: 1}).forgotten_topics_data == []


def test_a_session_that_the_broker_lost_begins_anew() -> None:
    session = FetchSession()
    asked(session, {A: 1, B: 2})
    answer(session)
    asked(session, {A: 1, B: 3})
    assert not answer(session, error=70)
    anew = asked(session, {A: 1, B: 3})
    assert (anew.session_id, anew.session_epoch) == (0, 0)
    assert offsets(anew) == {A: 1, B: 3}
    assert anew.forgotten_topics_data == []


def test_a_broker_that_keeps_no_session_is_asked_for_everything_each_time() -> None:
    session = FetchSession()
    asked(session, {A: 1, B: 2})
    assert answer(session, id=0)
    again = asked(session, {A: 1, B: 2})
    assert (again.session_id, again.session_epoch) == (0, 0)
    assert offsets(again) == {A: 1, B: 2}


def test_a_single_request_makes_no_session() -> None:
    built: Any = single_request({A: 1}, Fetch()).build(FetchRequest_v11)
    assert (built.session_id, built.session_epoch) == (0, -1)
