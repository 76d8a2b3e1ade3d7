"""The hub: every live connection of this process, and the recent events of every account."""

import asyncio
from collections import defaultdict

from api.live.channel import Channel
from api.live.fanout import FanOut
from api.live.frames import Denied, Heartbeat, LiveEvent, signal_frame
from api.live.session import Session
from api.live.wire import FrameType, Wire
from schemas import codec
from schemas.decisions import Decision
from schemas.events import Event, OperatorChanged, OperatorRemoved, TokenRevoked
from schemas.record import Record
from schemas.signals import Signal
from streams.clock import Clock

BETWEEN = 256
"""Sessions that are written to before the loop's other work has its turn."""


class Hub:
    """Told of each accepted decision and each signal; tells those who may know."""

    def __init__(self, clock: Clock, *, heartbeat: float, memory: int) -> None:
        """`heartbeat` in seconds; `memory`: bytes of recent events kept for those who resume."""
        self._clock = clock
        self._heartbeat = heartbeat
        self._memory = memory
        self._size = 0
        self._channels: dict[str, Channel] = {}
        self._operators: defaultdict[tuple[str, str], set[Session]] = defaultdict(set)
        self._moved: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self.fan_out = FanOut()
        self.draining = False
        self.dropped = 0
        """Sessions ended because their client did not read."""
        self.resumed = 0
        self.reset = 0
        self.open: defaultdict[Wire, int] = defaultdict(int)

    @property
    def sessions(self) -> int:
        """Live connections now."""
        return sum(self.open.values())

    # --- what comes in -----------------------------------------------------------------------

    def decided(self, decision: Decision) -> None:
        """Take up an accepted decision (a subscriber of the feed)."""
        if not decision.events:
            return
        account = decision.account
        channel = self._channels.pop(account, None)
        if channel is None:
            channel = Channel(decision.events[0].version - 1, "")
        self._channels[account] = channel  # the one moved last is the last to be forgotten
        before = channel.size
        for event in decision.events:
            channel.add(LiveEvent(event))
            self._end_outdated(account, event)
        self._size += channel.size - before
        if self._size > self._memory:
            self._forget_oldest()
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
        for session in channel.sessions:
            if session.viewer.id != signal.actor.id and session.sees(signal.audience):
                session.outlet.write(session.wire.pack("signal", json))

    # --- sessions ----------------------------------------------------------------------------

    def channel(self, account: str) -> Channel | None:
        """The account's channel, if an event or a session has made one."""
        return self._channels.get(account)

    def make_channel(self, account: str, version: int, id: str) -> Channel:
        """A channel for an account of which the feed has brought nothing yet."""
        channel = self._channels[account] = Channel(version, id)
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
        for session in self._all():
            self.leave(session)
            session.outlet.end()

    async def run(self) -> None:
        """Send heartbeats, and end what has expired, until cancelled."""
        while True:
            await asyncio.sleep(self._heartbeat)
            for count, session in enumerate(self._all(), 1):
                self._beat(session)
                if count % BETWEEN == 0:
                    await asyncio.sleep(0)

    def _beat(self, session: Session) -> None:
        if session.ended:
            return
        if session.expires_at <= self._clock():
            self.end(session, Denied(code="unauthenticated", detail="The token has expired."))
            return
        version = self._channels[session.viewer.account].version
        session.outlet.write(pack(session, "heartbeat", Heartbeat(version=version)))

    def _all(self) -> list[Session]:
        return [s for channel in self._channels.values() for s in channel.sessions]

    def _end_outdated(self, account: str, event: Event) -> None:
        """End the sessions of an operator who may not follow any more, or not as before."""
        data = event.data
        if not isinstance(data, TokenRevoked | OperatorRemoved | OperatorChanged):
            return
        for session in list(self._operators.get((account, data.operator), ())):
            match data:
                case TokenRevoked(token=token) if token not in (None, session.token):
                    continue
                case OperatorChanged(role=role) if role == session.viewer.role:
                    continue
            self.end(session, Denied(code="unauthenticated", detail="The token was revoked."))

    def _forget_oldest(self) -> None:
        """Make room: first what the accounts that were quiet for longest have."""
        for channel in self._channels.values():
            while channel.recent and self._size > self._memory:
                self._size -= channel.drop_oldest()
            if self._size <= self._memory:
                return


def pack(session: Session, type: FrameType, frame: Record, id: str | None = None) -> bytes:
    """A frame for one session; `id` if the client is at that cursor once it has it."""
    return session.wire.pack(type, codec.encode(frame), id)
