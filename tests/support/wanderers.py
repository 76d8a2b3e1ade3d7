"""Wanderers: clients that take an account's events from one process and then from another."""

from collections.abc import Callable
from contextlib import aclosing

from schemas.events import Event
from simulator.frames import CaughtUp, Denied, EventFrame, Frame, Reset, decode_frame
from simulator.http import Servers
from simulator.people import Person
from simulator.transports import (
    PollTransport,
    SseTransport,
    StreamRefused,
    Transport,
    TransportName,
    WebSocketTransport,
)

TRANSPORTS: tuple[TransportName, ...] = ("sse", "ws", "poll")


class Wanderer:
    """One of staff, who keeps the ids of all events and accepts no gap, no double and no reset."""

    def __init__(self, name: TransportName, person: Person, cursor: str) -> None:
        self.name = name
        self.ids: list[str] = []
        self._token = person.http.token
        self._first = self._cursor = cursor

    async def take(self, servers: Servers, more: int, *, up_to: str = "") -> None:
        """Follow at a process until so many more events have come, and the one with this id.

        Raises StreamRefused (503) if the process does not want that now.
        """
        wanted = len(self.ids) + more
        while len(self.ids) < wanted or self._cursor < up_to:
            await self.once(servers, lambda: len(self.ids) >= wanted and self._cursor >= up_to)

    async def once(
        self, servers: Servers, enough: Callable[[], bool] = lambda: False, *, wait: float = 1.0
    ) -> None:
        """One connection, until it is over or enough has come.

        `wait`: seconds that a long poll waits for news. Raises StreamLost, StreamRefused.
        """
        transport = self._transport(servers, wait)
        async with aclosing(transport.frames(self._cursor)) as frames:
            async for text in frames:
                self._note(decode_frame(text))
                if enough():
                    return

    def missed(self, events: list[Event]) -> bool:
        """Whether what came differs from these, which are all that there are."""
        last = self.ids[-1]
        expected = [event.id for event in events if self._first < event.id <= last]
        return self.ids != expected

    def _transport(self, servers: Servers, wait: float) -> Transport:
        match self.name:
            case "sse":
                return SseTransport(servers, self._token)
            case "ws":
                return WebSocketTransport(servers, self._token)
            case "poll":
                return PollTransport(servers, self._token, wait=wait)

    def _note(self, frame: Frame) -> None:
        match frame:
            case EventFrame():
                assert frame.prev == self._cursor, f"{self.name}: a gap before {frame}"
                assert frame.id > self._cursor, f"{self.name}: {frame} after {self._cursor}"
                self.ids.append(frame.id)
                self._cursor = frame.id
            case CaughtUp():
                assert frame.id >= self._cursor
                self._cursor = frame.id
            case Denied(code="unavailable"):
                raise StreamRefused(503, frame.detail)
            case Reset() | Denied():
                raise AssertionError(f"{self.name}: {frame}")
            case _:
                pass
