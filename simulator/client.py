"""A client of the public API: acts, follows live, resumes, retries, and keeps its history.

One client is one person with one live stream. It gives up nothing by itself: a broken stream is
taken up again from its cursor, and an action whose outcome is unknown is sent again with its key.
"""

import asyncio
import random
import time
from collections.abc import Callable

import msgspec

from schemas import codec
from schemas.actions import AnyAction
from schemas.decisions import Answer
from schemas.events import Event, MessagePosted
from schemas.views import MessageView, StaffState, VisitorState
from simulator.acting import Acting
from simulator.backoff import Backoff
from simulator.client_state import apply, caught_up
from simulator.errors import OutcomeUnknown
from simulator.following import Following
from simulator.frames import Ack, CaughtUp, ErrorFrame, EventFrame, Frame, RefusedFrame, Reset
from simulator.history import ClientHistory
from simulator.http import Http
from simulator.measures import Measures
from simulator.transports import (
    PollTransport,
    SseTransport,
    Transport,
    TransportName,
    WebSocketTransport,
)

State = StaffState | VisitorState
Listener = Callable[[Event], None]

STATE_PATH = "/v1/state"
LIVE_WITHIN = 30.0
GRACE = 0.2
"""Seconds within which events follow the first word of their version."""
SETTLING = 3
"""How often a busy account is looked at for a quiet moment."""


class _Messages(msgspec.Struct):
    items: list[MessageView]


class Client:
    """One person at one device."""

    def __init__(
        self,
        http: Http,
        history: ClientHistory,
        measures: Measures,
        *,
        transport: TransportName = "sse",
        chance: random.Random | None = None,
    ) -> None:
        chance = chance or random.Random()
        self.http = http
        self.history = history
        self.state: State | None = None
        """What it holds: the snapshot, and every event since."""
        self.listeners: list[Listener] = []
        """Called with each event after it is in the state. They must not raise."""
        self._measures = measures
        self._chance = chance
        self._kind: type[StaffState] | type[VisitorState] = (
            VisitorState if history.viewer.kind == "visitor" else StaffState
        )
        carrier = _transport(transport, http)
        websocket = carrier if isinstance(carrier, WebSocketTransport) else None
        self.acting = Acting(http, history, measures, websocket=websocket, chance=chance)
        self.following = Following(carrier, history, measures, self, chance)
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    # --- life --------------------------------------------------------------------------

    async def start(self) -> None:
        """Take the state and follow from it. Raises OutcomeUnknown or TurnedAway."""
        self.state = await self.fresh_state()
        self.following.cursor = self.state.id
        self._task = asyncio.create_task(self.following.run())
        try:
            async with asyncio.timeout(LIVE_WITHIN):
                await self.following.live.wait()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def drop(self) -> None:
        """Lose the connection, as on a train; it is taken up again."""
        self.following.drop()

    # --- doing -------------------------------------------------------------------------

    async def act(self, data: AnyAction, *, key: str | None = None) -> Answer:
        """What became of an action, perhaps a refusal. Raises OutcomeUnknown or TurnedAway."""
        return await self.acting.act(data, key=key)

    async def fresh_state(self) -> State:
        """The state as the server shows it now. Raises OutcomeUnknown or TurnedAway."""
        backoff = Backoff(self._chance)
        for _ in range(10):
            try:
                response = await self.http.get(STATE_PATH)
                return self._shown(response.content)
            except OutcomeUnknown as error:
                await asyncio.sleep(max(backoff.next(), error.retry_after))
        raise OutcomeUnknown("no state after ten tries")

    async def messages(self, chat: str) -> list[MessageView]:
        """The newest messages of a chat that one may see. Raises OutcomeUnknown or TurnedAway."""
        response = await self.http.get(f"/v1/chats/{chat}/messages", order="newest")
        found = msgspec.json.decode(response.content, type=_Messages).items
        for message in found:
            self.history.saw("message", message.id)
        return found

    # --- waiting -----------------------------------------------------------------------

    async def until(self, holds: Callable[[State], bool], within: float) -> bool:
        """Wait until something holds of the state; whether it came to, within some seconds."""
        try:
            async with asyncio.timeout(within):
                while self.state is None or not holds(self.state):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def settle(self, within: float) -> None:
        """Wait until the stream has told of the account's newest version; note it.

        Then compare the state that the client holds with a fresh one, if the account is quiet
        for so long. A stream that does not come to speak of the version within some seconds is
        broken and taken up again. Raises TimeoutError if that does not help either.
        """
        for _ in range(SETTLING):
            fresh = await self.fresh_state()
            if not await self._reach(fresh.version, within):
                self.drop()
                if not await self._reach(fresh.version, LIVE_WITHIN):
                    raise TimeoutError(f"{self.history.name} misses version {fresh.version}")
            await asyncio.sleep(GRACE)
            self.history.settled(fresh.version)
            if self.following.version == fresh.version and self.state is not None:
                self.history.compare(comparable(self.state), comparable(fresh))
                return

    async def _reach(self, version: int, within: float) -> bool:
        following = self.following
        deadline = time.monotonic() + within
        while not following.live.is_set() or following.version < version:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    # --- frames ------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """A frame came on the stream."""
        match frame:
            case EventFrame():
                self._event(frame.event)
            case CaughtUp():
                if self.state is not None:
                    self.state = caught_up(self.state, frame.id, frame.version)
            case Reset():
                self.state = self._shown(frame.state)
            case Ack() | RefusedFrame() | ErrorFrame():
                self.acting.take(frame)
                return
            case _:
                pass
        self._changed.set()

    def _shown(self, text: bytes | msgspec.Raw) -> State:
        """A state that came; what it shows a visitor is taken down for the checker."""
        state = msgspec.json.decode(text, type=self._kind)
        if isinstance(state, VisitorState):
            self.history.saw("visitor", state.visitor.id)
            for chat in state.chats:
                self.history.saw("chat", chat.id)
            for message in state.messages:
                self.history.saw("message", message.id)
        return state

    def lost(self) -> None:
        """The connection is over: what was sent on it has no answer."""
        self.acting.lost()

    def _event(self, event: Event) -> None:
        if self.state is not None:
            self.state = apply(self.state, event)
        if isinstance(event.data, MessagePosted) and event.actor.id != self.history.viewer.id:
            self._measures.arrive(event.id, time.monotonic())
        for listener in self.listeners:
            listener(event)


def comparable(state: State) -> str:
    """A state as text, without the cursor: a client's stands at what it saw last."""
    return codec.encode(msgspec.structs.replace(state, id="", version=0)).decode()


def _transport(name: TransportName, http: Http) -> Transport:
    match name:
        case "sse":
            return SseTransport(http.http, http.token)
        case "poll":
            return PollTransport(http.http, http.token)
        case "ws":
            return WebSocketTransport(http.http, http.token)
