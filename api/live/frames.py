"""Frames: what a client is sent. `type` discriminates them; none shows an event's audience."""

from typing import Any

import msgspec

from schemas import codec
from schemas.decisions import Answer
from schemas.events import AnyEvent, Event
from schemas.record import Record
from schemas.signals import AnySignal, Signal
from schemas.values import Actor, Audience
from schemas.views import StaffState, VisitorState


class Frame(Record, tag_field="type"):
    """The base of frames."""


class EventFrame(Frame, tag="event"):
    """An event; `prev` is the id of what this client was sent before it, or its cursor."""

    id: str
    prev: str
    version: int
    at: int
    actor: Actor
    data: AnyEvent
    chat: str | None = None
    conversation: str | None = None


class CaughtUp(Frame, tag="caught_up"):
    """All that was missed has been sent. The next event's `prev` will be this `id`."""

    id: str
    version: int


class Reset(Frame, tag="reset"):
    """The client cannot go on from where it was: here is a fresh state; its `id` is the cursor."""

    reason: str
    state: StaffState | VisitorState


class Denied(Frame, tag="denied"):
    """The connection ends and would be refused again, until something changes."""

    code: str
    detail: str = ""


class Heartbeat(Frame, tag="heartbeat"):
    """The connection lives; `version` is the account's newest, whoever may see it."""

    version: int


class SignalFrame(Frame, tag="signal"):
    """True for a moment only."""

    at: int
    actor: Actor
    data: AnySignal


class Ack(Frame, tag="ack"):
    """WebSocket: the action sent with this `seq` was done, and that is durable."""

    seq: int
    action: str
    version: int
    id: str | None = None


class RefusedFrame(Frame, tag="refused"):
    """WebSocket: the action sent with this `seq` was decided against, and that is durable."""

    seq: int
    code: str
    detail: str


class ErrorFrame(Frame, tag="error"):
    """WebSocket: a message was not taken; it may be sent again."""

    code: str
    detail: str
    seq: int | None = None


FRAMES: tuple[type[Frame], ...] = (
    EventFrame, CaughtUp, Reset, Denied, Heartbeat, SignalFrame, Ack, RefusedFrame, ErrorFrame,
)  # fmt: skip
"""Every frame there is, for the documentation."""


OVERHEAD = 400
"""Bytes that an event takes in memory besides its JSON."""


class LiveEvent:
    """An event on its way to clients: encoded once, whoever is sent it."""

    __slots__ = ("_rest", "audience", "id", "version")

    def __init__(self, event: Event) -> None:
        self.id = event.id
        self.version = event.version
        self.audience: Audience = event.audience
        self._rest = _after_prev(event)

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, roughly."""
        return OVERHEAD + len(self._rest)

    def json(self, prev: str) -> bytes:
        """The EventFrame for a client that was sent `prev` before it."""
        return b'{"type":"event","prev":"' + prev.encode() + self._rest


def _after_prev(event: Event) -> bytes:
    shown: dict[str, Any] = {
        "id": event.id,
        "version": event.version,
        "at": event.at,
        "actor": event.actor,
        "data": event.data,
    }
    if event.chat is not None:
        shown["chat"] = event.chat
    if event.conversation is not None:
        shown["conversation"] = event.conversation
    return b'",' + msgspec.json.encode(shown)[1:]


def signal_frame(signal: Signal) -> bytes:
    """The JSON of a signal."""
    return codec.encode(SignalFrame(at=signal.at, actor=signal.actor, data=signal.data))


def answer_frame(seq: int, answer: Answer) -> bytes:
    """The JSON that tells a client what became of its action."""
    if answer.refused is not None:
        refused = answer.refused
        return codec.encode(RefusedFrame(seq=seq, code=refused.code, detail=refused.detail))
    return codec.encode(Ack(seq=seq, action=answer.action, version=answer.version, id=answer.id))
