"""How a client begins: from now on, from where it was, or with a fresh state. Never in between.

What was missed comes from the rows until it meets the hub's memory; from there on, and into the
live sessions, nothing is awaited. So there is no gap and no duplicate at any speed.
"""

import asyncio
from contextlib import suppress
from typing import NamedTuple

import msgspec

from api.live.channel import Channel
from api.live.frames import CaughtUp, LiveEvent, Reset
from api.live.hub import Hub, pack
from api.live.ports import Feed, Rows
from api.live.session import Session
from api.problems import Problem
from schemas.events import Event
from schemas.ids import parse_event_id
from streams.log.errors import LogError

PAGE = 1_000
"""Events read from the rows at once."""

PATIENCE = 2.0
"""Seconds to wait for another part of the process that is behind."""

BEHIND = "The projections are behind."
FEED_BEHIND = "This process is behind."
SOON = {"retry-after": "1"}

_events = msgspec.json.Decoder(Event)


class ResumeLimits(NamedTuple):
    """`missed`: events missed at the most; `streams`: connections of this process.

    `page`: events read from the rows at once; `patience`: seconds to wait for what is behind.
    """

    missed: int
    streams: int
    page: int = PAGE
    patience: float = PATIENCE


class Resume:
    """Begins sessions."""

    def __init__(self, hub: Hub, feed: Feed, rows: Rows, limits: ResumeLimits) -> None:
        self._hub = hub
        self._feed = feed
        self._rows = rows
        self._limits = limits

    def _admit(self) -> None:
        if self._hub.draining:
            raise Problem("unavailable", "The server is stopping.", headers=SOON)
        if self._hub.sessions >= self._limits.streams:
            raise Problem("unavailable", "Too many connections.", headers={"retry-after": "5"})

    async def begin(
        self, session: Session, after: str | None, *, settle: bool = True
    ) -> list[bytes]:
        """Join; gives the first frames, in blocks.

        `after` is the id of the event that the client has. With `settle` the frames end with
        `caught_up`, unless the state was reset. There are none if the session was ended
        meanwhile. Raises Refused if the viewer has no state, Problem `unavailable` when no more
        connections are taken or the rows are behind. The caller leaves the hub, also then.
        """
        self._admit()
        self._hub.attach(session)
        channel = await self._channel(session.viewer.account)
        blocks: list[bytes] = []
        if after is None:
            session.begin_at(channel.id, channel.version)
        else:
            reason = await self._place(session, channel, after)
            if reason is not None:
                settle = False
                blocks.append(await self._reset(session, reason))
            blocks += await self._missed(session, channel)
        if session.ended:
            session.begin_at(after or "", 0)
            return []
        if settle:
            blocks += self._settle(session, channel)
        self._hub.join(channel, session)
        return [block for block in blocks if block]

    def settle(self, session: Session) -> list[bytes]:
        """What one who follows is still to be sent, and that this is all."""
        channel = self._hub.channel(session.viewer.account)
        assert channel is not None
        session.version = max(session.version, channel.sent)
        return self._settle(session, channel)

    def _settle(self, session: Session, channel: Channel) -> list[bytes]:
        """The cursor is the newest event, whoever may see it."""
        block = self._hub.catch_ups.catch_up(channel, session)
        if session.version <= channel.version:
            session.begin_at(channel.id, channel.version)
        caught_up = CaughtUp(id=session.cursor, version=session.version)
        return [block, pack(session, "caught_up", caught_up, caught_up.id)]

    async def _channel(self, account: str) -> Channel:
        channel = self._hub.channel(account)
        if channel is None:
            head = await self._rows.head(account)
            # The feed may have made it meanwhile.
            channel = self._hub.channel(account) or self._hub.make_channel(
                account, head.version, head.id
            )
        return channel

    async def _place(self, session: Session, channel: Channel, after: str) -> str | None:
        """Put the session where the client was; or say why that cannot be."""
        try:
            _, version = parse_event_id(after)
        except ValueError:
            return "unknown_id"
        if version > channel.version and not await self._reaches(channel, version):
            return "unknown_id"
        if channel.version - version > self._limits.missed:
            return "too_old"
        known = channel.id_of(version) or await self._id_of(session, version)
        if known != after:
            return "unknown_id"
        session.begin_at(after, version)
        self._hub.resumed += 1
        return None

    async def _reaches(self, channel: Channel, version: int) -> bool:
        """Wait for events that another process has told the client of already.

        False if the log has none of this version. Raises Problem if that cannot be told.
        """
        if version - channel.version <= self._limits.missed:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.patience):
                    while channel.version < version:
                        await self._hub.moved(channel.account)
                    return True
        try:
            async with asyncio.timeout(self._limits.patience):
                await self._feed.caught_up(channel.account)
        except (TimeoutError, LogError):
            raise Problem("unavailable", FEED_BEHIND, headers=SOON) from None
        return channel.version >= version

    async def _id_of(self, session: Session, version: int) -> str | None:
        account = session.viewer.account
        if not await self._rows.reached(account, version, self._limits.patience):
            raise Problem("unavailable", BEHIND, headers=SOON)
        found = await self._rows.events_after(account, version - 1, 1)
        return found[0].id if found and found[0].version == version else None

    async def _reset(self, session: Session, reason: str) -> bytes:
        state = await self._rows.state_for(session.viewer)
        session.begin_at(state.id, state.version)
        self._hub.reset += 1
        return pack(session, "reset", Reset(reason=reason, state=state), state.id)

    async def _missed(self, session: Session, channel: Channel) -> list[bytes]:
        """The frames of what the session has missed; nothing is awaited after the last."""
        blocks = []
        account = session.viewer.account
        while session.version < channel.start and not session.ended:
            page = await self._rows.events_after(account, session.version, self._limits.page)
            if page:
                blocks.append(session.pack([LiveEvent(_events.decode(e.body)) for e in page]))
                continue
            patience = self._limits.patience
            if not await self._rows.reached(account, session.version + 1, patience):
                raise Problem("unavailable", BEHIND, headers=SOON)
        if not session.ended:
            blocks.append(self._hub.catch_ups.catch_up(channel, session))
        return blocks
