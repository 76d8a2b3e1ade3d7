"""What clients say over WebSocket: actions and signals, each checked like a request."""

import asyncio
from typing import Protocol

from api.bodies import JsonBody
from api.door import Door
from api.gateway import Gateway, Origin
from api.live.typing import tell_typing
from api.problems import Problem, too_many
from projections.store import Projections
from schemas.actions import (
    ActivateOperator,
    CloseChat,
    JoinChat,
    LeaveChat,
    MarkRead,
    PauseOperator,
    PostMessage,
    RequestChat,
    SetAvailability,
    Transfer,
)
from schemas.decisions import Answer
from schemas.record import Record
from schemas.refusals import DeskstreamError
from schemas.signals import Typing
from schemas.values import Key, Sequence, Trace
from streams.domain.access import Viewer

MAX_IN_FLIGHT = 1_000
"""Actions of one connection that may await their decision."""


class Message(Record):
    """What a client sends: `seq` comes back with the answer; `key` makes a retry harmless.

    `trace` is a W3C traceparent.
    """

    seq: Sequence
    action: (
        PostMessage
        | MarkRead
        | RequestChat
        | JoinChat
        | LeaveChat
        | Transfer
        | CloseChat
        | SetAvailability
        | PauseOperator
        | ActivateOperator
        | Typing
    )
    key: Key | None = None
    trace: Trace | None = None


class Speaker(Protocol):
    """The connection that a message came from."""

    in_flight: int

    def answer(self, seq: int, answer: Answer | DeskstreamError) -> None:
        """Tell what became of an action; counts it as no longer in flight."""
        ...

    def fail(self, error: DeskstreamError, seq: int | None) -> None:
        """Tell that a message was not taken."""
        ...


class Incoming:
    """Takes messages."""

    def __init__(
        self, gateway: Gateway, projections: Projections, door: Door, max_message: int
    ) -> None:
        """`door` is shared with HTTP; `max_message` in bytes."""
        self._gateway = gateway
        self._projections = projections
        self.door = door
        self._body = JsonBody(Message)
        self._signalling: set[asyncio.Task[None]] = set()
        self.max_message = max_message

    def admit(self, viewer: Viewer) -> None:
        """Count one message or connection. Raises Problem `too_many_requests`."""
        refusal = self._count(viewer)
        if refusal is not None:
            raise refusal

    def _count(self, viewer: Viewer) -> Problem | None:
        allowance = self.door.count(viewer)
        if allowance.refused:
            return too_many("too_many_requests", allowance.retry_after)
        return None

    def take(self, speaker: Speaker, viewer: Viewer, payload: bytes) -> None:
        """Take one message; the answer comes by `speaker.answer` or `speaker.fail`."""
        seq = None
        try:
            refusal = self._count(viewer)
            message = self._body.decode(payload)
            seq = message.seq
            if refusal is not None:
                raise refusal
            if speaker.in_flight >= MAX_IN_FLIGHT:
                raise Problem("unavailable", "Too many actions of this connection are in flight.")
            self._submit(speaker, viewer, message)
        except DeskstreamError as error:
            speaker.fail(error, seq)

    def _submit(self, speaker: Speaker, viewer: Viewer, message: Message) -> None:
        data, seq = message.action, message.seq
        if isinstance(data, Typing):
            task = asyncio.ensure_future(self._signal(speaker, viewer, data, seq))
            self._signalling.add(task)
            task.add_done_callback(self._signalling.discard)
            return
        origin = Origin(message.key, message.trace)
        self._gateway.submit(viewer, data, lambda answer: speaker.answer(seq, answer), origin)
        speaker.in_flight += 1

    async def _signal(self, speaker: Speaker, viewer: Viewer, data: Typing, seq: int) -> None:
        try:
            await tell_typing(self._gateway, self._projections, viewer, data)
        except DeskstreamError as error:
            speaker.fail(error, seq)
