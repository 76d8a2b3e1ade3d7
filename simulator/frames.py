"""Frames as a client reads them off SSE, WebSocket or long poll.

Unknown fields are passed over, so that a newer server does not break this client.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.events import AnyEvent, Event
from schemas.signals import AnySignal
from schemas.values import Actor


class _Frame(msgspec.Struct, tag_field="type"):
    """What all frames are."""


class EventFrame(_Frame, tag="event", kw_only=True):
    """One event; `prev` is the id of what this client was sent before it."""

    id: str
    prev: str | None = None
    version: int
    at: int
    actor: Actor
    data: AnyEvent
    chat: str | None = None
    conversation: str | None = None

    @property
    def event(self) -> Event:
        """The event as the log has it, but for the audience, which no client is shown."""
        return Event(
            id=self.id,
            version=self.version,
            at=self.at,
            actor=self.actor,
            audience=(),
            data=self.data,
            chat=self.chat,
            conversation=self.conversation,
        )


class CaughtUp(_Frame, tag="caught_up", kw_only=True):
    """Everything missed has been sent; the chain goes on from `id`."""

    id: str
    version: int


class Reset(_Frame, tag="reset", kw_only=True):
    """The resume point is of no use (`reason`); `state` replaces what the client holds."""

    reason: str
    state: msgspec.Raw


class Denied(_Frame, tag="denied", kw_only=True):
    """The server ends this stream."""

    code: str
    detail: str = ""


class Heartbeat(_Frame, tag="heartbeat", kw_only=True):
    """The stream lives; `version` is the account's newest."""

    version: int
    id: str | None = None


class SignalFrame(_Frame, tag="signal", kw_only=True):
    """Somebody types, or the like."""

    at: int
    actor: Actor
    data: AnySignal


class Ack(_Frame, tag="ack", kw_only=True):
    """The action with this `seq` was accepted and is durable."""

    seq: int
    version: int
    action: str | None = None
    id: str | None = None


class RefusedFrame(_Frame, tag="refused", kw_only=True):
    """The action with this `seq` was decided against."""

    seq: int
    code: str
    detail: str = ""
    version: int | None = None


class ErrorFrame(_Frame, tag="error", kw_only=True):
    """What was sent could not be taken; without `seq`, it could not even be read."""

    code: str
    detail: str = ""
    seq: int | None = None


Frame = (
    EventFrame
    | CaughtUp
    | Reset
    | Denied
    | Heartbeat
    | SignalFrame
    | Ack
    | RefusedFrame
    | ErrorFrame
)

_decoder: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)


class Cursor(msgspec.Struct):
    """The part of a state that says where to follow on from."""

    id: Annotated[str, Meta(max_length=64)]
    version: int


_cursors = msgspec.json.Decoder(Cursor)


def decode_frame(text: bytes | str) -> Frame:
    """The frame that this JSON is. Raises msgspec.DecodeError."""
    return _decoder.decode(text)


def cursor_of(state: bytes | msgspec.Raw) -> Cursor:
    """Where to follow on from a state, given as JSON. Raises msgspec.DecodeError."""
    return _cursors.decode(bytes(state))
