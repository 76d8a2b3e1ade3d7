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

SLICE = 0.003
"""Seconds of writing after which the loop's other work has its turn."""

CHECK_EVERY = 64
"""Sessions between two looks at the clock."""


class FanOut:
    """Runs rounds over the channels that have something fresh."""

    def __init__(self) -> None:
        self._dirty: dict[Channel, None] = {}
        self._round: Iterator[None] | None = None
        self._scheduled = False
        self._not_before = 0.0
        self._spent = 0.0
        self.deliveries = 0
        """Frames of events written, counted per client."""

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
        self._round = self._write_all(list(dirty))
        self._spent = 0.0
        self._step()

    def _step(self) -> None:
        assert self._round is not None
        since = time.perf_counter()
        unfinished = next(self._round, StopIteration) is None
        now = time.perf_counter()
        self._spent += now - since
        if unfinished:
            asyncio.get_running_loop().call_soon(self._step)
            return
        self._round = None
        self._not_before = now + self._spent
        if self._dirty:
            self._schedule()

    def _write_all(self, channels: list[Channel]) -> Iterator[None]:
        """Yields None after each slice."""
        for channel in channels:
            events, channel.fresh = channel.fresh, []
            for kind in channel.addressed(events):
                yield from self._write(kind, events)

    def _write(self, kind: Kind, events: list[LiveEvent]) -> Iterator[None]:
        """Give all sessions of a kind the same bytes, if they were sent the same before."""
        wanted = [event for event in events if kind.entry in event.audience]
        shared = not any(is_personal(event) for event in events)
        prev, first, last = kind.head, events[0].version, events[-1].version
        if wanted:
            kind.head = wanted[-1].id
        blocks: dict[Wire, bytes] = {}
        deadline = time.perf_counter() + SLICE
        for count, session in enumerate(list(kind.sessions), 1):
            if session.ended:
                continue
            if shared and session.cursor == prev and session.version < first:
                block = blocks.get(session.wire)
                if block is None:
                    block, _ = chain(wanted, prev, session.wire, _all)
                    blocks[session.wire] = block
                session.begin_at(kind.head, last)
            else:
                block = session.pack(events)
            if block:
                self.deliveries += len(wanted)
                session.outlet.write(block)
            if count % CHECK_EVERY == 0 and time.perf_counter() > deadline:
                yield
                deadline = time.perf_counter() + SLICE


def _all(_event: LiveEvent) -> bool:
    return True
