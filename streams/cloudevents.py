"""CloudEvents 1.0 headers of Kafka records, so that other systems can read our topics.

The binding's binary mode: the value is the record as it stands in every log, attributes are
headers `ce_...`. What they say is read from the bytes themselves by a decoder of those few
fields, which costs less than a microsecond; a record that cannot be read gets the headers that can
be given without. Extensions: `partitionkey` (CloudEvents' own), here the account, and
`traceparent` (W3C's header, under its own name, where tracers look for it).
"""

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec

from schemas.ids import ActionIds
from streams.log.port import Topic

Header = tuple[str, bytes]

PARTITION_KEY: Final = "ce_partitionkey"
"""The header that holds the account, which is the record's key as well."""

_SPEC: Final[Header] = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final[Header] = ("content-type", b"application/json")

_made_ids: Final = ActionIds()
"""Ids of records that carry none."""


class _Data(msgspec.Struct, gc=False, frozen=True):
    type: str = ""
    chat: str | None = None


class _Action(msgspec.Struct, gc=False):
    id: str
    account: str
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
    trace: str | None = None


class _Moment(msgspec.Struct, gc=False):
    """A signal or a visit."""

    account: str
    at: int
    data: _Data = _Data()


_ACTION: Final = msgspec.json.Decoder(_Action)
_EVENTS_RECORD: Final = msgspec.json.Decoder(_EventsRecord)
_MOMENT: Final = msgspec.json.Decoder(_Moment)
_ACCOUNT: Final = re.compile("[a-z0-9][a-z0-9_-]{0,62}")
_FRACTIONS: Final = [b".%03dZ" % milliseconds for milliseconds in range(1_000)]
_KIND: Final = re.compile("[a-z_]{1,64}")


def headers_of(topic: Topic | Literal["snapshots"], value: bytes) -> list[Header]:
    """The headers of a record of `topic`. Never raises: poison is described as such.

    A snapshot is no event, and gets none.
    """
    try:
        match topic:
            case "actions":
                return _of_action(_ACTION.decode(value))
            case "events":
                return _of_events_record(_EVENTS_RECORD.decode(value), value)
            case "signals":
                return _of_moment(_MOMENT.decode(value), "signal")
            case "visits":
                return _of_moment(_MOMENT.decode(value), "visit")
            case "snapshots":
                return []
    # DecodeError and what Unicode raises are ValueErrors; the others are a time out of range's.
    except (ValueError, RecursionError, OverflowError, OSError):
        id = hashlib.sha256(value).hexdigest()
        return _headers(id, f"/{topic}".encode(), b"deskstream.unreadable")


def key_of(headers: list[Header]) -> bytes | None:
    """The key of the record with these headers: its account; None if it belongs to none."""
    for name, value in headers:
        if name == PARTITION_KEY:
            return value
    return None


def _of_action(action: _Action) -> list[Header]:
    source, key = _places("actions", action.account)
    headers = _headers(action.id, source, _type("action", action.data.type))
    headers += (("ce_time", _time(action.at)), key)
    if action.data.chat:
        headers.append(("ce_subject", action.data.chat.encode()))
    if action.trace:
        headers.append(("traceparent", action.trace.encode()))
    return headers


def _of_events_record(record: _EventsRecord, value: bytes) -> list[Header]:
    if record.type == "fence":
        source = f"/deciders/{record.decider}".encode()
        headers = _headers(_made_ids.next(), source, b"deskstream.fence")
        headers.append(("ce_time", _time(record.at)))
        return headers
    outcome = "refused" if record.refused else "repeated" if record.repeats else "accepted"
    # Several terms may decide one action: to whoever drops duplicates they are not the same.
    id = f"{record.action}.{record.fence}"
    if record.account:
        source, key = _places("events", record.account)
        headers = _headers(id, source, _type("decision", outcome))
        headers += (("ce_time", _time(record.at)), key)
    else:  # such an action's name is unique in its partition alone
        id += "." + hashlib.sha256(value).hexdigest()[:16]
        headers = _headers(id, b"/events", _type("decision", outcome))
        headers.append(("ce_time", _time(record.at)))
    if record.events and record.events[0].chat:
        headers.append(("ce_subject", record.events[0].chat.encode()))
    if record.trace:
        headers.append(("traceparent", record.trace.encode()))
    return headers


def _of_moment(moment: _Moment, what: Literal["signal", "visit"]) -> list[Header]:
    source, key = _places(f"{what}s", moment.account)
    kind = _type(what, moment.data.type) if moment.data.type else f"deskstream.{what}".encode()
    headers = _headers(_made_ids.next(), source, kind)
    headers += (("ce_time", _time(moment.at)), key)
    if moment.data.chat:
        headers.append(("ce_subject", moment.data.chat.encode()))
    return headers


def _headers(id: str, source: bytes, type: bytes) -> list[Header]:
    return [
        _SPEC,
        _CONTENT_TYPE,
        ("ce_id", id.encode()),
        ("ce_source", source),
        ("ce_type", type),
    ]


@lru_cache(maxsize=16_384)
def _places(topic: str, account: str) -> tuple[bytes, Header]:
    """The source of an account's records, and the header with its key. Raises ValueError."""
    if not _ACCOUNT.fullmatch(account):
        raise ValueError(f"no account has the name {account!r}")
    return f"/accounts/{account}/{topic}".encode(), (PARTITION_KEY, account.encode())


@lru_cache(maxsize=256)
def _type(of: str, kind: str) -> bytes:
    """A type's name. Raises ValueError for a kind that none of ours can be called."""
    if not _KIND.fullmatch(kind):
        raise ValueError(f"no kind is called {kind!r}")
    return f"deskstream.{of}.{kind}".encode()


def _time(milliseconds: int) -> bytes:
    seconds, rest = divmod(milliseconds, 1_000)
    return _second(seconds) + _FRACTIONS[rest]


@lru_cache(maxsize=64)
def _second(seconds: int) -> bytes:
    """The second in RFC 3339's form, without the zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
