"""Records to bytes and back, and what is refused on the way."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from schemas import codec, views
from schemas.actions import Action, AddGroup
from schemas.decisions import Decision, EventsRecord, Fence
from schemas.record import Record
from schemas.refusals import MalformedRecord
from schemas.signals import Signal
from schemas.values import SYSTEM


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value of a type that a record is made of."""
    match kind:
        case inspect.Metadata(type=inner):
            return values(inner)
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: values(field.type) for field in fields})
        case inspect.UnionType(types=types):
            return st.one_of(*map(values, types))
        case inspect.LiteralType(values=literals):
            return st.sampled_from(literals)
        case inspect.VarTupleType(item_type=item):
            return st.lists(values(item), max_size=2).map(tuple)
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern.replace("$", r"\Z"), fullmatch=True).filter(
                lambda text: kind.max_length is None or len(text) <= kind.max_length
            )
        case inspect.StrType(min_length=least, max_length=most):
            return st.text(min_size=least or 0, max_size=min(most or 9, (least or 0) + 9))
        case inspect.IntType(ge=least, le=most, lt=below):
            top = most if most is not None else 2**48 if below is None else below - 1
            return st.integers(least or 0, top)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
    raise AssertionError(kind)


actions: st.SearchStrategy[Action] = values(inspect.type_info(Action))
decisions: st.SearchStrategy[Decision] = values(inspect.type_info(Decision))
fences: st.SearchStrategy[Fence] = values(inspect.type_info(Fence))
signals: st.SearchStrategy[Signal] = values(inspect.type_info(Signal))

ANY_ACTION = Action(
    id="x", account="acme", actor=SYSTEM, at=1_700_000_000_000, data=AddGroup(name="g")
)


@settings(max_examples=60, deadline=None)
@given(actions)
def test_an_action_comes_back_as_it_was(action: Action) -> None:
    assert codec.decode_action(codec.encode(action)) == action


@settings(max_examples=40, deadline=None)
@given(st.one_of(decisions, fences))
def test_a_record_of_the_events_comes_back_as_it_was(record: EventsRecord) -> None:
    assert codec.decode_event_record(codec.encode(record)) == record


@settings(max_examples=40, deadline=None)
@given(signals)
def test_a_signal_comes_back_as_it_was(signal: Signal) -> None:
    assert codec.decode_signal(codec.encode(signal)) == signal


@settings(max_examples=40, deadline=None)
@given(actions)
def test_bytes_are_compact_json_without_defaults(action: Action) -> None:
    raw = codec.encode(action)
    read = json.loads(raw)
    assert None not in read.values()
    assert json.dumps(read, ensure_ascii=False, separators=(",", ":")).encode() == raw


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_malformed(value: bytes) -> None:
    for decode in (codec.decode_action, codec.decode_event_record, codec.decode_signal):
        with pytest.raises(MalformedRecord):
            decode(value)


@settings(max_examples=60, deadline=None)
@given(actions, st.data())
def test_a_damaged_record_is_another_record_or_malformed(
    action: Action, data: st.DataObject
) -> None:
    raw = bytearray(codec.encode(action))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    with suppress(MalformedRecord):
        assert isinstance(codec.decode_action(bytes(raw)), Action)


def changed(**fields: Any) -> bytes:
    """An action's bytes with other fields; None takes a field away."""
    read = {**json.loads(codec.encode(ANY_ACTION)), **fields}
    return json.dumps({name: value for name, value in read.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"null", "got `null`"),
        (b"[]", "got `array`"),
        (b"not json", "JSON is malformed"),
        (b"\xff\xfe", "JSON is malformed"),
        (b'{"id":"\xff"}', "utf-8"),
        (b"[" * 100_000, "got `array`"),
        (changed(id=None), "missing required field `id`"),
        (changed(id=""), r"length >= 1.*\$.id"),
        (changed(id="x" * 65), r"length <= 64.*\$.id"),
        (changed(at=-1), r"\$.at"),
        (changed(at=2**48), r"\$.at"),
        (changed(at="now"), r"Expected `int`.*\$.at"),
        (changed(account="ACME"), r"\$.account"),
        (changed(account="a/b"), r"\$.account"),
        (changed(actor={"kind": "ghost", "id": "x"}), r"'ghost'.*\$.actor.kind"),
        (changed(data={"type": "conquer"}), r"'conquer'.*\$.data.type"),
        (changed(data={"name": "g"}), "missing required field `type`"),
        (changed(data={"type": "add_group", "name": "g", "more": 1}), "unknown field `more`"),
        (changed(more=1), "unknown field `more`"),
    ],
)
def test_what_is_no_action_is_refused_with_the_place_where_it_goes_wrong(
    value: bytes, where: str
) -> None:
    with pytest.raises(MalformedRecord, match=where):
        codec.decode_action(value)


@pytest.mark.parametrize("kind", ["decision", "fence", "nonsense", None])
def test_what_is_no_decision_and_no_fence_is_refused(kind: str | None) -> None:
    with pytest.raises(MalformedRecord):
        codec.decode_event_record(json.dumps({"type": kind, "at": 1}).encode())


def test_an_unfit_signal_is_refused() -> None:
    with pytest.raises(MalformedRecord, match="missing required field"):
        codec.decode_signal(b"{}")


def test_the_digest_is_sha_256_of_the_bytes() -> None:
    assert codec.digest(b"") == ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def test_records_do_not_change() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        ANY_ACTION.at = 1  # type: ignore[misc]


RECORD_MODULES = (views,)  # defines records that the codec does not import


def subclasses(kind: type[Record]) -> list[type[Record]]:
    below: list[type[Record]] = kind.__subclasses__()
    return [kind, *(other for sub in below for other in subclasses(sub))]


@pytest.mark.parametrize("kind", subclasses(Record))
def test_every_record_is_frozen_and_closed(kind: type[Record]) -> None:
    config = kind.__struct_config__
    assert config.frozen
    assert config.forbid_unknown_fields
