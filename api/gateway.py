"""The gateway: the one way in which a client's wish becomes an action on the log.

It checks who and shape, appends, and answers from the accepted decision in the log.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from schemas import codec
from schemas.actions import Action, AnyAction
from schemas.decisions import Answer, Decision
from schemas.ids import ActionIds
from schemas.refusals import DeskstreamError, Refused
from schemas.signals import AnySignal, Signal
from schemas.values import Actor, Audience
from streams.clock import Clock
from streams.domain.access import Viewer, allows, permission_for
from streams.log.partitioner import partition_of
from streams.log.port import Log


class Unavailable(DeskstreamError):
    """The action is not on the log, or too many await their decision: try again later."""


class Overdue(DeskstreamError):
    """No decision in time. It may still come: try again with the same idempotency key."""


OnAnswer = Callable[[Answer | DeskstreamError], None]


class Origin(NamedTuple):
    """What a request says of itself: its idempotency key, and its W3C traceparent."""

    key: str | None = None
    trace: str | None = None


NOWHERE = Origin()


class _Pending(NamedTuple):
    due: float
    on_answer: OnAnswer


class _Outgoing(NamedTuple):
    action: str
    value: bytes


class Gateway:
    """Appends actions and remembers who awaits which decision."""

    def __init__(self, log: Log, clock: Clock, *, timeout: float, max_pending: int) -> None:
        """`timeout` in seconds; `max_pending` bounds what may await its decision at once."""
        self._log = log
        self._clock = clock
        self._timeout = timeout
        self._max_pending = max_pending
        self._ids = ActionIds()
        self._pending: dict[str, _Pending] = {}
        self._outgoing: defaultdict[int, list[_Outgoing]] = defaultdict(list)
        self.submitted = 0

    @property
    def pending(self) -> int:
        """Actions that await their decision."""
        return len(self._pending)

    def submit(
        self, viewer: Viewer, data: AnyAction, on_answer: OnAnswer, origin: Origin = NOWHERE
    ) -> None:
        """Append an action; `on_answer` is called once, on the loop, with what became of it.

        It gets an Answer (perhaps a refusal), or Unavailable, or Overdue. Raises Refused when
        the viewer may not do this at all or it is larger than a record may be, and Unavailable
        when too many actions are waiting.
        """
        if not allows(viewer, permission_for(data), account=viewer.account):
            raise Refused("not_allowed")
        if len(self._pending) >= self._max_pending:
            raise Unavailable("Too many actions await their decision.")
        loop = asyncio.get_running_loop()
        action = Action(
            id=self._ids.next(),
            account=viewer.account,
            actor=Actor(kind=viewer.kind, id=viewer.id),
            at=self._clock(),
            data=data,
            key=origin.key,
            trace=origin.trace,
        )
        value = codec.encode(action)
        if len(value) > self._log.bounds.record:
            raise Refused("record_too_large")
        self._pending[action.id] = _Pending(loop.time() + self._timeout, on_answer)
        if not self._outgoing:
            loop.call_soon(self._flush)
        outgoing = self._outgoing[partition_of(viewer.account, self._log.partitions)]
        outgoing.append(_Outgoing(action.id, value))

    async def act(self, viewer: Viewer, data: AnyAction, origin: Origin = NOWHERE) -> Answer:
        """Append an action and wait until it is decided and durable.

        Raises Refused, Unavailable or Overdue.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def answered(answer: Answer | DeskstreamError) -> None:
            if future.done():
                return
            if isinstance(answer, DeskstreamError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        self.submit(viewer, data, answered, origin)
        answer = await future
        if answer.refused is not None:
            raise Refused(answer.refused.code, answer.refused.detail)
        return answer

    def signal(self, viewer: Viewer, audience: Audience, data: AnySignal) -> None:
        """Tell whoever is connected; nothing is stored and nothing answered."""
        record = Signal(
            account=viewer.account,
            at=self._clock(),
            actor=Actor(kind=viewer.kind, id=viewer.id),
            audience=audience,
            data=data,
        )
        partition = partition_of(viewer.account, self._log.partitions)
        _ = self._log.append("signals", partition, [codec.encode(record)])

    def decided(self, decision: Decision) -> None:
        """Answer whoever awaits this decision (the feed's last subscriber)."""
        pending = self._pending.pop(decision.action, None)
        if pending is not None:
            pending.on_answer(decision.answer)

    async def run(self) -> None:
        """Give up, every second, on what is overdue. Runs until cancelled."""
        while True:
            await asyncio.sleep(1)
            now = asyncio.get_running_loop().time()
            overdue = []
            for action, pending in self._pending.items():  # in the order of their due times
                if pending.due > now:
                    break
                overdue.append(action)
            for action in overdue:
                self._fail(action, Overdue("No decision in time; it may still come."))

    def _flush(self) -> None:
        """Append everything that this turn of the loop has gathered, once per partition."""
        outgoing, self._outgoing = self._outgoing, defaultdict(list)
        for partition, actions in outgoing.items():
            self.submitted += len(actions)
            for portion in self._log.bounds.portions(actions, attrgetter("value")):
                self._append(partition, portion)

    def _append(self, partition: int, actions: list[_Outgoing]) -> None:
        ids = [each.action for each in actions]
        future = self._log.append("actions", partition, [each.value for each in actions])
        future.add_done_callback(partial(self._appended, ids))

    def _appended(self, ids: list[str], future: asyncio.Future[int]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._refuse(ids, error)

    def _refuse(self, ids: list[str], error: BaseException) -> None:
        for action in ids:
            self._fail(action, Unavailable(f"The log takes no actions now: {error}"))

    def _fail(self, action: str, error: DeskstreamError) -> None:
        pending = self._pending.pop(action, None)
        if pending is not None:
            pending.on_answer(error)
