"""The fence rule, case by case. The model of it is in test_acceptance_model.py."""

import pytest

from schemas import codec
from schemas.decisions import Decision, EventsRecord, Fence
from schemas.refusals import MalformedRecord
from schemas.values import SYSTEM
from streams.acceptance import Acceptance

FENCE = Fence(decider="d", at=0)


def decision(source: int, fence: int) -> Decision:
    return Decision(
        account="acme",
        action=f"a{source}",
        actor=SYSTEM,
        at=0,
        source=source,
        fence=fence,
        rules=1,
        prev="",
        version=0,
    )


def accepted(*records: Decision | Fence) -> list[int]:
    """The offsets of the records that a reader of this log accepts."""
    reader = Acceptance()
    return [offset for offset, record in enumerate(records) if reader.take(offset, record)]


def test_a_decision_of_the_newest_fence_and_the_next_source_is_accepted() -> None:
    assert accepted(FENCE, decision(0, 0), decision(1, 0)) == [1, 2]


def test_nothing_is_accepted_before_a_fence() -> None:
    assert accepted(decision(0, 0), decision(0, -2)) == []


def test_a_decision_of_an_older_fence_is_not_accepted() -> None:
    assert accepted(FENCE, FENCE, decision(0, 0), decision(0, 1)) == [3]


def test_a_decision_of_a_fence_to_come_is_not_accepted() -> None:
    assert accepted(FENCE, decision(0, 5)) == []


def test_a_source_is_accepted_once_and_none_is_left_out() -> None:
    assert accepted(FENCE, decision(0, 0), decision(0, 0), decision(2, 0), decision(1, 0)) == [1, 4]


def test_sources_go_on_over_fences() -> None:
    assert accepted(FENCE, decision(0, 0), FENCE, decision(0, 2), decision(1, 2)) == [1, 4]


def test_the_reader_counts_what_it_ignores_and_knows_where_to_go_on() -> None:
    reader = Acceptance()
    records: list[EventsRecord] = [FENCE, decision(1, 0), decision(0, 0), decision(0, 0)]
    for offset, record in enumerate(records):
        reader.take(offset, record)
    assert reader == Acceptance(fence=0, source=0, ignored=2, offset=4)


def test_a_record_read_again_changes_nothing() -> None:
    reader = Acceptance()
    records: list[EventsRecord] = [FENCE, decision(0, 0), FENCE, decision(1, 2)]
    for offset, record in enumerate(records):
        reader.take(offset, record)
    for offset, record in enumerate(records):
        assert reader.take(offset, record) is None
    assert reader == Acceptance(fence=2, source=1, ignored=0, offset=4)


def test_a_reader_goes_on_after_a_hole_in_the_offsets() -> None:
    reader = Acceptance()
    reader.take(0, FENCE)
    assert reader.take(7, decision(0, 0)) is not None
    assert reader.offset == 8


POISON = [b"", b"\xff", b"no record", b"[]", b"{}", b'{"type":"new"}', b'{"fence":0,"source":1}',
          b'{"fence":-1,"source":0}', b'{"fence":"0"}', b"[" * 10_000]  # fmt: skip


def test_poison_is_ignored_and_counted() -> None:
    reader = Acceptance()
    assert reader.read(0, codec.encode(FENCE)) is None
    for offset, value in enumerate(POISON, 1):
        assert reader.read(offset, value) is None
    end = 1 + len(POISON)
    assert (reader.offset, reader.ignored) == (end, len(POISON))
    assert reader.read(1, b"poison that was seen before") is None
    assert reader.ignored == len(POISON)
    assert reader.read(end, codec.encode(decision(0, 0)))


@pytest.mark.parametrize("value", [b'{"type":"fence"}', b'{"fence":0,"source":0,"of":"newer"}'])
def test_what_newer_code_wrote_stops_a_reader(value: bytes) -> None:
    reader = Acceptance()
    reader.read(0, codec.encode(FENCE))
    with pytest.raises(MalformedRecord):
        reader.read(1, value)
    assert reader.offset == 1
