"""CloudEvents 1.0 headers of Kafka records, so that other systems can read our topics.

The binding's binary mode: the value is the record as it stands in every log, attributes are
headers `ce_...`. What they say is read from the bytes themselves by a decoder of those few
fields, which costs about a microsecond; a record that cannot be read gets the headers that can
be given without. Extensions: `partitionkey` (CloudEvents' own), here the account, and
`traceparent` (W3C's header, under its own name, where tracers look for it).
"""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from schemas.ids import ActionIds
from schemas.values import AccountId
from streams.log.port import Topic

Header = tuple[str, bytes]

PARTITION_KEY: Final = "ce_partitionkey"
"""The header that holds the account, which is the record's key as well."""

_SPEC: Final[list[Header]] = [
    ("ce_specversion", b"1.0"),
    ("content-type", b"application/json"),
]
_made_ids: Final = ActionIds()
"""Ids of records that carry none."""


_Kind = Annotated[str, msgspec.Meta(pattern="^[a-z_]{0,64}$")]


class _Data(msgspec.Struct, gc=False, frozen=True):
    type: _Kind = ""
    chat: str | None = None


class _Action(msgspec.Struct, gc=False):
    id: str
    account: AccountId
    at: int
    data: _Data
    trace: str | None = None


class _Chat(msgspec.Struct, gc=False):
    chat: str | None = None


class _Present(msgspec.Struct, gc=False):
    """Whatever it says."""


class _EventsRecord(msgspec.Struct, gc=False):
    """A decision or a fence."""

    type: str
    at: int
    account: str = ""
    action: str = ""
    fence: int = -1
    decider: str = ""
    events: tuple[_Chat, ...] = ()
    refused: _Present | None = None
    repeats: _Present | None = None


class _Moment(msgspec.Struct, gc=False):
    """A signal or a visit."""

    account: AccountId
    at: int
    data: _Data = _Data()


class _Attributes(NamedTuple):
    """What CloudEvents wants to know; `at` in ms since 1970."""

    id: str
    source: str
    type: str
    at: int | None = None
    account: str = ""
    subject: str | None = None
    trace: str | None = None


_ACTION: Final = msgspec.json.Decoder(_Action)
_EVENTS_RECORD: Final = msgspec.json.Decoder(_EventsRecord)
_MOMENT: Final = msgspec.json.Decoder(_Moment)


def headers_of(topic: Topic | Literal["snapshots"], value: bytes) -> list[Header]:
    """The headers of a record of `topic`. Never raises: poison is described as such.

    A snapshot is no event, and gets none.
    """
    if topic == "snapshots":
        return []
    try:
        attributes = _attributes(topic, value)
        return _headers(attributes)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, ValueError, OSError):
        id = hashlib.sha256(value).hexdigest()
        return _headers(_Attributes(id, f"/{topic}", "deskstream.unreadable"))


def key_of(headers: list[Header]) -> bytes | None:
    """The key of the record with these headers: its account; None if it belongs to none."""
    for name, value in headers:
        if name == PARTITION_KEY:
            return value
    return None


def _attributes(topic: Topic, value: bytes) -> _Attributes:
    match topic:
        case "actions":
            return _of_action(_ACTION.decode(value))
        case "events":
            return _of_events_record(_EVENTS_RECORD.decode(value), value)
        case "signals":
            return _of_moment(_MOMENT.decode(value), "deskstream.signal")
        case "visits":
            return _of_moment(_MOMENT.decode(value), "deskstream.visit")


def _of_action(action: _Action) -> _Attributes:
    return _Attributes(
        action.id,
        f"/accounts/{action.account}/actions",
        f"deskstream.action.{action.data.type}",
        action.at,
        action.account,
        action.data.chat,
        action.trace,
    )


def _of_events_record(record: _EventsRecord, value: bytes) -> _Attributes:
    if record.type == "fence":
        source = f"/deciders/{record.decider}"
        return _Attributes(_made_ids.next(), source, "deskstream.fence", record.at)
    # Several terms may decide one action: to whoever drops duplicates they are not the same.
    id = f"{record.action}.{record.fence}"
    if not record.account:  # such an action's name is unique in its partition alone
        id += "." + hashlib.sha256(value).hexdigest()[:16]
    outcome = "refused" if record.refused else "repeated" if record.repeats else "accepted"
    return _Attributes(
        id,
        f"/accounts/{record.account}/events",
        f"deskstream.decision.{outcome}",
        record.at,
        record.account,
        record.events[0].chat if record.events else None,
    )


def _of_moment(moment: _Moment, type: str) -> _Attributes:
    kind = f"{type}.{moment.data.type}" if moment.data.type else type
    source = f"/accounts/{moment.account}/{type.rpartition('.')[2]}s"
    return _Attributes(_made_ids.next(), source, kind, moment.at, moment.account, moment.data.chat)


def _headers(attributes: _Attributes) -> list[Header]:
    id, source, type, at, account, subject, trace = attributes
    headers = [
        *_SPEC,
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
    ]
    if at is not None:
        headers.append(("ce_time", _time(at)))
    if account:
        headers.append((PARTITION_KEY, account.encode()))
    if subject:
        headers.append(("ce_subject", subject.encode()))
    if trace:
        headers.append(("traceparent", trace.encode()))
    return headers


def _time(milliseconds: int) -> bytes:
    seconds, rest = divmod(milliseconds, 1_000)
    return b"%s.%03dZ" % (_second(seconds), rest)


@lru_cache(maxsize=64)
def _second(seconds: int) -> bytes:
    """The second in RFC 3339's form, without the zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
