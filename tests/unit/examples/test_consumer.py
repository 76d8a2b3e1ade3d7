"""The example's acceptance is the fence rule of Deskstream itself."""

from pathlib import Path
from random import Random

import pytest

from examples.consumer import Positions, Reader, events
from schemas import codec
from schemas.decisions import Decision, EventsRecord
from schemas.refusals import MalformedRecord
from streams.acceptance import Acceptance
from tests.support.domain import given, open_chat, post_message
from tests.unit.streams.test_acceptance_model import FenceModel, random_schedule

POISON = [b"", b"\xff", b"null", b"[]", b'"text"', b"{", b'{"type":"later"}', b"[" * 5_000]


def log_of(seed: int) -> list[bytes]:
    """Terms, zombies, late and repeated writes, and poison among them."""
    model = FenceModel()
    random_schedule(model, seed)
    random = Random(seed)
    values: list[bytes] = []
    # Poison takes offsets, which are the numbers of fences: those move along.
    places: dict[int, int] = {}
    for offset, record in enumerate(model.log):
        while random.random() < 0.1:
            values.append(random.choice(POISON))
        places[offset] = len(values)
        values.append(codec.encode(_moved(record, places)))
    return values


def _moved(record: EventsRecord, places: dict[int, int]) -> EventsRecord:
    if isinstance(record, Decision):
        fields = {name: getattr(record, name) for name in record.__struct_fields__}
        return Decision(**{**fields, "fence": places.get(record.fence, record.fence)})
    return record


def test_the_example_accepts_what_deskstream_accepts() -> None:
    accepted = ignored = 0
    for seed in range(300):
        reader, truth = Reader(), Acceptance()
        for offset, value in enumerate(log_of(seed)):
            decision = truth.read(offset, value)
            found = reader.accept(offset, value)
            assert (found is None) == (decision is None)
            if found is not None and decision is not None:
                assert found["action"] == decision.action
                accepted += 1
        assert (reader.offset, reader.fence, reader.source, reader.ignored) == (
            truth.offset, truth.fence, truth.source, truth.ignored,
        )  # fmt: skip
        ignored += reader.ignored
    assert accepted > 1_000  # the schedules are no empty ones
    assert ignored > 1_000


def test_a_reader_that_goes_on_from_what_it_stored_accepts_the_same(tmp_path: Path) -> None:
    values = log_of(7)
    whole = Reader()
    expected = [whole.accept(offset, value) for offset, value in enumerate(values)]
    found = []
    for offset, value in enumerate(values):
        positions = Positions(tmp_path / "positions")
        assert positions.of(0).accept(offset - 1, value) is None  # it was read before
        found.append(positions.of(0).accept(offset, value))
        positions.store()
    assert found == expected


def test_a_decision_of_a_later_version_is_accepted_with_what_is_new_in_it() -> None:
    reader = Reader()
    reader.accept(0, b'{"type":"fence","decider":"d","at":0,"new":1}')
    assert reader.accept(1, b'{"type":"decision","fence":0,"source":0,"new":1}')
    with pytest.raises(MalformedRecord):  # where Deskstream itself does not guess
        Acceptance(fence=0, offset=1).read(1, b'{"type":"decision","fence":0,"source":0,"new":1}')


def test_events_carry_their_account() -> None:
    decision = given(open_chat("c1", desk="sales")).when(post_message("c1", by="ana")).decision
    reader = Reader(fence=0, source=decision.source - 1)
    accepted = reader.accept(9, codec.encode(decision))
    assert accepted is not None
    (event,) = events(accepted)
    assert event["account"] == "acme"
    assert event["data"]["type"] == "message_posted"
