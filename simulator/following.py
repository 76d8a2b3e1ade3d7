"""Following live: one stream, taken up again from its cursor whenever it breaks."""

import asyncio
import random
import time
from contextlib import aclosing
from typing import Protocol

from simulator.backoff import Backoff
from simulator.frames import (
    CaughtUp,
    Denied,
    EventFrame,
    Frame,
    Heartbeat,
    Reset,
    cursor_of,
    decode_frame,
)
from simulator.history import ClientHistory
from simulator.measures import Measures
from simulator.transports import StreamLost, StreamRefused, Transport

FINAL = frozenset({401, 403})
"""HTTP statuses after which it is no use to try again."""

PASSING = frozenset({"unavailable", "too_many_requests", "internal"})
"""Codes of `denied` after which it is."""


class Receiver(Protocol):
    """Who is told what comes."""

    def take(self, frame: Frame) -> None:
        """A frame came."""

    def lost(self) -> None:
        """The connection is over."""


class Following:
    """Keeps a stream open, hands its frames on and takes them down."""

    def __init__(
        self,
        transport: Transport,
        history: ClientHistory,
        measures: Measures,
        receiver: Receiver,
        chance: random.Random,
    ) -> None:
        self.transport = transport
        self.cursor: str | None = None
        """What to resume from: the id of the newest thing that came."""
        self.version = 0
        """The account's newest version that the stream has spoken of."""
        self.live = asyncio.Event()
        """Set while the stream is open and caught up."""
        self.denied: str | None = None
        """Why the server does not want this client any more."""
        self._history = history
        self._measures = measures
        self._receiver = receiver
        self._backoff = Backoff(chance)
        self._connection: asyncio.Task[None] | None = None
        self._broken_at: float | None = None

    async def run(self) -> None:
        """Follow until cancelled, or until the server denies it."""
        try:
            while self.denied is None:
                await self._connect()
                if self.denied is None:
                    polls = self.transport.name == "poll" and self._broken_at is None
                    await asyncio.sleep(0 if polls else self._backoff.next())
        finally:
            self.drop()

    def drop(self) -> None:
        """Break the connection, as a network does."""
        if self._connection is not None:
            self._connection.cancel()

    async def _connect(self) -> None:
        self._history.opened(self.transport.name, self.cursor)
        self._connection = asyncio.create_task(self._read())
        why = "ended"
        try:
            await self._connection
        except asyncio.CancelledError:
            why = "dropped"
            if not self._connection.cancelled():  # it is this task that was cancelled
                self._connection.cancel()
                raise
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
        except StreamRefused as error:
            why = str(error)
            if error.status in FINAL:
                self.denied = why
        except StreamLost as error:
            why = str(error)
        finally:
            self._connection = None
            self._history.ended(why)
            self._receiver.lost()
        if self.transport.name != "poll" or why != "ended":
            self._lost()

    def _lost(self) -> None:
        self.live.clear()
        self._measures.counts["streams lost"] += 1
        if self._broken_at is None:
            self._broken_at = time.monotonic()

    async def _read(self) -> None:
        async with aclosing(self.transport.frames(self.cursor)) as frames:
            async for text in frames:
                self._frame(decode_frame(text))

    def _frame(self, frame: Frame) -> None:
        match frame:
            case EventFrame():
                self._history.event(frame.event, frame.prev)
                if frame.prev != self.cursor or (self.cursor and frame.id <= self.cursor):
                    self._measures.counts["broken chains"] += 1
                self.cursor = frame.id
                self.version = max(self.version, frame.version)
                self._measures.counts["events received"] += 1
            case CaughtUp():
                self._history.caught_up(frame.id)
                self._caught_up(frame.id, frame.version)
            case Reset():
                cursor = cursor_of(frame.state)
                self._history.reset(frame.reason, cursor.id)
                self._measures.counts["resets"] += 1
                self._caught_up(cursor.id, cursor.version)
            case Denied():
                self._history.denied(frame.code)
                if frame.code not in PASSING:
                    self.denied = frame.code
            case Heartbeat():
                self.version = max(self.version, frame.version)
            case _:
                pass
        self._receiver.take(frame)

    def _caught_up(self, cursor: str, version: int) -> None:
        self.cursor = cursor
        self.version = max(self.version, version)
        self.live.set()
        self._backoff.reset()
        if self._broken_at is not None:
            self._measures.resumed.add(time.monotonic() - self._broken_at)
            self._measures.counts["resumes"] += 1
            self._broken_at = None
