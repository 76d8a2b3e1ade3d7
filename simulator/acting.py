"""Doing things: over the WebSocket if one is open, else over HTTP, until the outcome is known."""

import asyncio
import itertools
import random
import secrets
import time

import msgspec

from schemas.actions import AnyAction, PostMessage
from schemas.decisions import Answer
from schemas.refusals import REFUSALS, Refusal
from schemas.signals import Typing
from simulator.backoff import Backoff
from simulator.errors import OutcomeUnknown, TurnedAway
from simulator.frames import Ack, ErrorFrame, RefusedFrame
from simulator.history import ClientHistory
from simulator.http import Http
from simulator.measures import Measures
from simulator.transports import StreamLost, WebSocketTransport

ANSWER_WITHIN = 15.0
PERSIST_FOR = 60.0
"""Seconds after which an action without an outcome is given up."""

TRANSIENT_CODES = frozenset({"unavailable", "overdue", "too_many_requests", "internal"})

_encoder = msgspec.json.Encoder()


class Acting:
    """The actions of one client."""

    def __init__(
        self,
        http: Http,
        history: ClientHistory,
        measures: Measures,
        *,
        websocket: WebSocketTransport | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._http = http
        self._history = history
        self._measures = measures
        self._websocket = websocket
        self._chance = chance or random.Random()
        self._keys = f"{secrets.token_hex(6)}-{{}}".format
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[Answer]] = {}

    async def act(
        self, data: AnyAction, *, key: str | None = None, persist: float = PERSIST_FOR
    ) -> Answer:
        """What became of an action, perhaps a refusal.

        Sent again with the same key while the outcome is unknown, for `persist` seconds; then
        OutcomeUnknown is raised. Raises TurnedAway for an error that is no decision.
        """
        key = key or self._keys(next(self._numbers))
        place = self._history.send(key, data)
        backoff = Backoff(self._chance)
        started = time.monotonic()
        while True:
            try:
                answer = await self._once(data, key)
                break
            except OutcomeUnknown as error:
                self._history.unknown(place, str(error))
                self._measures.counts["retries"] += 1
                self._measures.unknown[str(error)] += 1
                if time.monotonic() - started > persist:
                    raise
                await asyncio.sleep(max(backoff.next(), error.retry_after))
            except TurnedAway as error:
                self._history.unknown(place, str(error))
                self._measures.counts["turned away"] += 1
                raise
        self._history.told(place, answer)
        self._measure(data, answer, started)
        return answer

    def type(self, chat: str, typing: bool = True) -> None:
        """Say that one writes, where there is a WebSocket to say it on; else nothing."""
        if self._websocket is not None and self._websocket.connected:
            self._send(0, None, Typing(chat=chat, typing=typing))

    def take(self, frame: Ack | RefusedFrame | ErrorFrame) -> None:
        """An answer came over the WebSocket."""
        awaited = self._awaited.get(frame.seq) if frame.seq is not None else None
        if awaited is None or awaited.done():
            return
        match frame:
            case Ack():
                answer = Answer(action=frame.action or "", version=frame.version, id=frame.id)
                awaited.set_result(answer)
            case RefusedFrame():
                awaited.set_result(_refused(frame.code, frame.detail, frame.version))
            case ErrorFrame(code=code) if code in REFUSALS:
                awaited.set_result(_refused(code, frame.detail, None))
            case ErrorFrame(code=code) if code in TRANSIENT_CODES:
                awaited.set_exception(OutcomeUnknown(code))
            case ErrorFrame():
                awaited.set_exception(TurnedAway(0, frame.code, frame.detail))

    def lost(self) -> None:
        """The WebSocket is over: no answer will come on it."""
        for awaited in self._awaited.values():
            if not awaited.done():
                awaited.set_exception(OutcomeUnknown("the connection is lost"))

    async def _once(self, data: AnyAction, key: str) -> Answer:
        if self._websocket is None or not self._websocket.connected:
            return await self._http.act(data, key)
        seq = next(self._numbers)
        awaited = self._awaited[seq] = asyncio.get_running_loop().create_future()
        try:
            self._send(seq, key, data)
            return await asyncio.wait_for(awaited, ANSWER_WITHIN)
        except (StreamLost, TimeoutError) as error:
            raise OutcomeUnknown(repr(error)) from error
        finally:
            del self._awaited[seq]

    def _send(self, seq: int, key: str | None, data: AnyAction | Typing) -> None:
        assert self._websocket is not None
        message: dict[str, object] = {"seq": seq, "action": data}
        if key is not None:
            message["key"] = key
        self._websocket.send(_encoder.encode(message))

    def _measure(self, data: AnyAction, answer: Answer, started: float) -> None:
        self._measures.acknowledged.add(time.monotonic() - started)
        self._measures.counts["actions"] += 1
        if answer.refused is not None:
            self._measures.refusals[answer.refused.code] += 1
        elif isinstance(data, PostMessage):
            self._measures.counts["messages"] += 1
            if answer.id:
                self._measures.post(answer.id, started)


def _refused(code: str, detail: str, version: int | None) -> Answer:
    version = -1 if version is None else version
    return Answer(action="", version=version, refused=Refusal(code=code, detail=detail))
