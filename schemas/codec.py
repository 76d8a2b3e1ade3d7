"""The one place that knows how a record becomes bytes, and how bytes become a record."""

import hashlib
from typing import TypeVar

import msgspec

from schemas.actions import Action
from schemas.decisions import EventsRecord
from schemas.record import Record
from schemas.refusals import MalformedRecord
from schemas.signals import Signal

_T = TypeVar("_T")

_encoder = msgspec.json.Encoder()
_actions = msgspec.json.Decoder(Action)
_events: msgspec.json.Decoder[EventsRecord] = msgspec.json.Decoder(EventsRecord)
_signals = msgspec.json.Decoder(Signal)
_FENCE = b'{"type":"fence"'  # the encoder puts the tag first


def encode(record: Record) -> bytes:
    """The bytes of any record: JSON, UTF-8, no white space."""
    return _encoder.encode(record)


def decode_action(value: bytes) -> Action:
    """A record of the topic `actions`. Raises MalformedRecord."""
    return _decode(_actions, value)


def decode_event_record(value: bytes) -> EventsRecord:
    """A record of the topic `events`: a decision or a fence. Raises MalformedRecord."""
    return _decode(_events, value)


def is_fence(value: bytes) -> bool:
    """Whether a record of the topic `events` is a fence."""
    return value.startswith(_FENCE)


def decode_signal(value: bytes) -> Signal:
    """A record of the topic `signals`. Raises MalformedRecord."""
    return _decode(_signals, value)


def digest(value: bytes) -> str:
    """The hash that chains decisions: SHA-256 of the bytes as they stand on the log."""
    return hashlib.sha256(value).hexdigest()


def _decode(decoder: msgspec.json.Decoder[_T], value: bytes) -> _T:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRecord(str(error)) from error
