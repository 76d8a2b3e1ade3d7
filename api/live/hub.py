"""The hub: every live connection of this process, and the recent events of every account."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from api.live.catching_up import CatchUps
from api.live.channel import Channel
from api.live.fanout import FanOut
from api.live.frames import Denied, Heartbeat, LiveEvent, signal_frame
from api.live.session import Session
from api.live.wire import POLL, FrameType, Wire
from schemas import codec
from schemas.decisions import Decision
from schemas.events import Event, OperatorChanged, OperatorRemoved, TokenRevoked
from schemas.record import Record
from schemas.signals import Signal
from streams.clock import Clock
from streams.domain.access import allows

BETWEEN = 256
"""Sessions that are written to before the loop's other work has its turn."""

TICK = 1.0
"""Seconds at most between an expiry and the end of the connection."""

REVOKED = Denied(code="unauthenticated", detail="The token was revoked.")
EXPIRED = Denied(code="unauthenticated", detail="The token has expired.")
DISALLOWED = Denied(code="not_allowed", detail="The new role may not follow events.")


class Hub:
    """Told of each accepted decision and each signal; tells those who may know."""

    def __init__(self, clock: Clock, *, heartbeat: float, memory: int) -> None:
        """`heartbeat` in seconds; `memory`: bytes of recent events kept for those who resume."""
        self._clock = clock
        self._heartbeat = heartbeat
        self._memory = memory
        self._size = 0
        self._channels: dict[str, Channel] = {}
        self._remembering: OrderedDict[str, Channel] = OrderedDict()
        """The channels that have recent events; the one quiet for longest comes first."""
        self._sessions: dict[Session, None] = {}
        self._operators: defaultdict[tuple[str, str], set[Session]] = defaultdict(set)
        self._moved: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self.fan_out = FanOut()
        self.catch_ups = CatchUps()
        self.draining = False
        self.dropped = 0
        """Sessions ended because their client did not read."""
        self.resumed = 0
        self.reset = 0
        self.open: defaultdict[Wire, int] = defaultdict(int)

    @property
    def sessions(self) -> int:
        """Live connections now."""
        return len(self._sessions)

    # --- what comes in -----------------------------------------------------------------------

    def decided(self, decision: Decision) -> None:
        """Take up an accepted decision (a subscriber of the feed)."""
        if not decision.events:
            return
        account = decision.account
        channel = self._channels.get(account)
        if channel is None:
            channel = self.make_channel(account, decision.events[0].version - 1, "")
        before = channel.size
        for event in decision.events:
            live = LiveEvent(event)
            if not channel.add(live):
                self._begin_anew(channel, live)
            self._heed(account, event)
        self._size += channel.size - before
        self._remember(channel)
        if channel.fresh:
            self.fan_out.touch(channel)
        for future in self._moved.pop(account, ()):
            if not future.done():
                future.set_result(None)

    def signal(self, signal: Signal) -> None:
        """Tell those whom a signal concerns, but for its sender."""
        channel = self._channels.get(signal.account)
        if channel is None:
            return
        json = signal_frame(signal)
        blocks: dict[Wire, bytes] = {}
        for kind in channel.addressed([signal.audience]):
            for session in kind.sessions:
                if session.viewer.id != signal.actor.id and session.sees(signal.audience):
                    block = blocks.get(session.wire)
                    if block is None:
                        block = blocks[session.wire] = session.wire.pack("signal", json)
                    session.outlet.write(block)

    # --- sessions ----------------------------------------------------------------------------

    def channel(self, account: str) -> Channel | None:
        """The account's channel, if an event or a session has made one."""
        return self._channels.get(account)

    def make_channel(self, account: str, version: int, id: str) -> Channel:
        """A channel for an account of which the feed has brought nothing yet."""
        channel = self._channels[account] = Channel(account, version, id)
        return channel

    async def moved(self, account: str) -> None:
        """Wait for the account's next event."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._moved[account].append(future)
        try:
            await future
        finally:
            waiting = self._moved.get(account, [])
            if future in waiting:
                waiting.remove(future)
                if not waiting:
                    del self._moved[account]

    def attach(self, session: Session) -> None:
        """A connection begins; from now on it ends with its token."""
        session.attached = True
        self._sessions[session] = None
        self.open[session.wire] += 1
        if session.viewer.kind == "operator":
            self._operators[session.viewer.account, session.viewer.id].add(session)

    def join(self, channel: Channel, session: Session) -> None:
        """From now on the session is sent what comes; unless it has ended meanwhile."""
        if not session.ended:
            channel.join(session)

    def leave(self, session: Session) -> None:
        """Forget a session. May be called twice."""
        session.ended = True
        if not session.attached:
            return
        session.attached = False
        viewer = session.viewer
        del self._sessions[session]
        self.open[session.wire] -= 1
        channel = self._channels.get(viewer.account)
        if channel is not None:
            channel.leave(session)
        mine = self._operators.get((viewer.account, viewer.id))
        if mine is not None:
            mine.discard(session)
            if not mine:
                del self._operators[viewer.account, viewer.id]

    def end(self, session: Session, denied: Denied) -> None:
        """Tell a client that its connection ends, and end it."""
        if not session.ended:
            self.leave(session)
            session.outlet.end(session.wire.pack("denied", codec.encode(denied)))

    def drain(self) -> None:
        """End all sessions, and take no more: the process stops."""
        self.draining = True
        self._cut(self._sessions)

    def _cut(self, sessions: Iterable[Session]) -> None:
        """End connections without a word: their clients come again."""
        for session in list(sessions):
            self.leave(session)
            session.outlet.end()

    # --- time --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send heartbeats, and end what has expired, until cancelled.

        Raises what has broken the fan-out.
        """
        loop = asyncio.get_running_loop()
        beat = loop.time() + self._heartbeat
        while True:
            await asyncio.sleep(min(TICK, max(beat - loop.time(), 0)))
            if self.fan_out.broken is not None:
                raise self.fan_out.broken
            now = self._clock()
            for session in [s for s in self._sessions if s.expires_at <= now]:
                self.end(session, EXPIRED)
            if loop.time() >= beat:
                beat = loop.time() + self._heartbeat
                await self._beat()

    async def _beat(self) -> None:
        """A heartbeat for everybody, but for long polls, which it would end for nothing."""
        written = 0
        for channel in [c for c in self._channels.values() if c.kinds]:
            for session in list(channel.sessions):
                if not session.ended and session.wire is not POLL:
                    frame = Heartbeat(version=channel.version)
                    session.outlet.write(pack(session, "heartbeat", frame))
                written += 1
                if written % BETWEEN == 0:
                    await asyncio.sleep(0)

    # --- inside ------------------------------------------------------------------------------

    def _begin_anew(self, channel: Channel, event: LiveEvent) -> None:
        """The feed has left something out: those who follow fetch it from the rows."""
        self._cut(channel.sessions)
        channel.begin_before(event)
        channel.add(event)

    def _heed(self, account: str, event: Event) -> None:
        """End the sessions of an operator who may follow no more; note a new role."""
        data = event.data
        if not isinstance(data, TokenRevoked | OperatorRemoved | OperatorChanged):
            return
        for session in list(self._operators.get((account, data.operator), ())):
            match data:
                case TokenRevoked(token=token) if token not in (None, session.token):
                    pass
                case OperatorChanged(role=role):
                    session.viewer = replace(session.viewer, role=role)
                    if not allows(session.viewer, "events:read", account=account):
                        self.end(session, DISALLOWED)
                case _:
                    self.end(session, REVOKED)

    def _remember(self, channel: Channel) -> None:
        """Make room: first what the accounts that were quiet for longest have."""
        self._remembering[channel.account] = channel
        self._remembering.move_to_end(channel.account)
        while self._size > self._memory:
            account, oldest = next(iter(self._remembering.items()))
            freed = oldest.drop_oldest()
            if not oldest.recent:
                del self._remembering[account]
            elif not freed:
                break  # nothing may be forgotten before it is sent
            self._size -= freed


def pack(session: Session, type: FrameType, frame: Record, id: str | None = None) -> bytes:
    """A frame for one session; `id` if the client is at that cursor once it has it."""
    return session.wire.pack(type, codec.encode(frame), id)
