"""The fan-out: writes what has gathered to everybody who may see it.

What is published within one turn of the loop goes out in one write per client. While rounds are
cheap they follow each other at once; a round that took long is followed by as long a pause, in
which more gathers. So the delay grows with the load, and the cost of a delivery falls with it.
"""

import asyncio
import time
from collections.abc import Iterator

from api.live.channel import Channel, Kind, is_personal
from api.live.frames import LiveEvent
from api.live.session import chain
from api.live.wire import Wire

SLICE = 256
"""Sessions that are written to before the loop's other work has its turn: some 2 ms, most of them
in the system at the end of the turn."""

LONGEST_PAUSE = 0.05
"""Seconds."""


class FanOut:
    """Runs rounds over the channels that have something fresh."""

    def __init__(self) -> None:
        self._dirty: dict[Channel, None] = {}
        self._round: Iterator[None] | None = None
        self._scheduled = False
        self._began = 0.0
        self._not_before = 0.0
        self._written = 0
        self.deliveries = 0
        """Frames of events written, counted per client."""
        self.broken: BaseException | None = None
        """What ended the fan-out: nobody would be told anything any more."""

    def touch(self, channel: Channel) -> None:
        """The channel has fresh events."""
        self._dirty[channel] = None
        if not self._scheduled and self._round is None:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        loop = asyncio.get_running_loop()
        if self._not_before > time.perf_counter():
            loop.call_later(self._not_before - time.perf_counter(), self._begin)
        else:
            loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        dirty, self._dirty = self._dirty, {}
        self._began = time.perf_counter()
        self._round = self._write_all(list(dirty))
        self._step()

    def _step(self) -> None:
        assert self._round is not None
        try:
            unfinished = next(self._round, StopIteration) is None
        except BaseException as error:
            self.broken = error
            raise
        asyncio.get_running_loop().call_soon(self._step if unfinished else self._end)

    def _end(self) -> None:
        """The loop has written what the round's last slice gave it: now its cost is known."""
        self._round = None
        now = time.perf_counter()
        self._not_before = now + min(now - self._began, LONGEST_PAUSE)
        if self._dirty:
            self._schedule()

    def _write_all(self, channels: list[Channel]) -> Iterator[None]:
        """Yields None after each slice."""
        for channel in channels:
            events, channel.fresh = channel.fresh, []
            if events:
                for kind in channel.addressed([event.audience for event in events]):
                    yield from self._write(kind, events)
                channel.sent = max(channel.sent, events[-1].version)

    def _write(self, kind: Kind, events: list[LiveEvent]) -> Iterator[None]:
        """Give sessions of a kind the same bytes, if they were sent the same before.

        Who joins meanwhile has these events already, who leaves meanwhile gets no more.
        """
        wanted = [event for event in events if kind.entry in event.audience]
        shared = not any(is_personal(event) for event in events)
        first, last = events[0].version, events[-1].version
        head = wanted[-1].id if wanted else ""
        blocks: dict[tuple[Wire, str], bytes] = {}
        for session in list(kind.sessions):
            if session.ended:
                continue
            if shared and session.version < first:
                key = (session.wire, session.cursor)
                block = blocks.get(key)
                if block is None:
                    block = blocks[key] = chain(wanted, session.cursor, session.wire, _all)[0]
                session.version = last
                session.cursor = head or session.cursor
            else:
                block = session.pack(events)
            if block:
                self.deliveries += len(wanted)
                session.outlet.write(block)
            self._written += 1
            if self._written % SLICE == 0:
                yield


def _all(_event: LiveEvent) -> bool:
    return True
