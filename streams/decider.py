"""The decider of one partition: reads actions, appends decisions, one term after another.

A term begins with a fence record and ends with the first write that failed or may have failed,
or when another decider's fence appears. Nothing of a term outlives it: the next one folds the
state anew from snapshot and log (DESIGN, "One writer per partition").
"""

import asyncio
import logging
from typing import NamedTuple

from schemas import codec
from schemas.actions import Action
from schemas.decisions import Decision, Fence
from schemas.refusals import MalformedRecord
from streams.acceptance import Acceptance
from streams.clock import Clock
from streams.domain.partition import Partition, fold, judge_malformed, judge_within
from streams.log.errors import LogUnavailable
from streams.log.port import Log, LogRecord
from streams.queue_signals import queue_signals
from streams.snapshotting import Snapshotting
from streams.timers import OfferTimers

BATCH = 128
"""Actions decided in one go: about 2 ms during which the process does nothing else."""

APPEND_DEADLINE = 10.0
"""Seconds within which a write is confirmed; afterwards its outcome counts as unknown."""

IN_FLIGHT = 4
"""Batches that may be on their way to the log at once."""

RETRY_AFTER = 0.5
"""Seconds between a term that failed and the next."""

log_ = logging.getLogger(__name__)


class TermEnded(Exception):
    """This term may not decide any more; says why."""


ENDINGS = (TermEnded, LogUnavailable, TimeoutError)
"""What ends a term and lets the next one begin."""

Judged = tuple[Decision, bytes]
Written = asyncio.Queue[tuple[asyncio.Future[int], list[Judged]]]


class Term(NamedTuple):
    """What one term knows; thrown away with it."""

    fence: int
    partition: Partition
    acceptance: Acceptance


class Decider:
    """Decides the actions of one partition, for as long as `run` runs."""

    def __init__(
        self, log: Log, partition: int, snapshotting: Snapshotting, clock: Clock, *, name: str
    ) -> None:
        self._log = log
        self._number = partition
        self._snapshotting = snapshotting
        self._clock = clock
        self._name = name
        self._timers = OfferTimers(clock, self._append_actions)
        self._retired = asyncio.Event()
        self.ready = asyncio.Event()
        """Set while a term decides."""
        self.terms = 0
        self.decided = 0
        self.refused = 0
        self.next_action = 0
        """Offset, in `actions`, after the last one whose decision is on the log."""
        self.lag = 0
        """Actions that were on the log and not decided when it was last looked at."""
        self.ignored = 0
        """Records that the fence rule kept out, of those that this decider read."""

    async def run(self) -> None:
        """Decide until cancelled, or to the end of the term once `retired`.

        Raises what no new term can heal: a broken chain, a bug.
        """
        while not self._retired.is_set():
            try:
                await self._decide(await self._begin())
            except ENDINGS as error:
                log_.warning("partition %d: term ended: %s", self._number, error)
            finally:
                self.ready.clear()
                self._timers.stop()
            if not self._retired.is_set():
                await asyncio.sleep(RETRY_AFTER)

    def retire(self, retired: bool = True) -> None:
        """Begin no new term: somebody else is to take over, and ends this one by his fence."""
        if retired:
            self._retired.set()
        else:
            self._retired.clear()

    async def close(self) -> None:
        """Wait for a snapshot that is being written."""
        await self._snapshotting.close()

    async def _begin(self) -> Term:
        """Fold what is on the log, append this term's fence, and fold what came before it.

        Another decider goes on deciding until the fence, so nobody waits for the first, long part.
        """
        partition, acceptance = await self._snapshotting.load()
        await self._fold_up_to(await self._log.end("events", self._number), partition, acceptance)
        fence = await self._append([codec.encode(Fence(decider=self._name, at=self._clock()))])
        await self._fold_up_to(fence + 1, partition, acceptance)
        if acceptance.fence != fence:
            raise TermEnded("another decider took over at once")
        self._watch_offers(partition)
        self.terms += 1
        self.next_action = acceptance.source + 1
        self.ignored += acceptance.ignored
        return Term(fence, partition, acceptance)

    async def _fold_up_to(self, end: int, partition: Partition, acceptance: Acceptance) -> None:
        while acceptance.offset < end:
            for record in await self._log.read("events", self._number, acceptance.offset):
                self._fold(partition, acceptance, record)
            await asyncio.sleep(0)

    def _fold(self, partition: Partition, acceptance: Acceptance, record: LogRecord) -> None:
        decision = acceptance.read(record.offset, record.value)
        if decision is not None:
            fold(partition, decision, record.value)
            self._snapshotting.observe(decision)

    def _watch_offers(self, partition: Partition) -> None:
        for account in partition.accounts.values():
            for chat in account.chats.values():
                if chat.offered_until is not None and chat.conversation is not None:
                    wait = account.settings.no_answer_after
                    made = chat.offered_until - wait
                    self._timers.offer(
                        account.id, chat.id, chat.conversation, made, chat.offered_until
                    )

    async def _decide(self, term: Term) -> None:
        """Decide until the term ends, which is raised.

        The next batch is decided while the ones before it are being written. That is safe: if a
        write fails, what follows it has a gap in its sources, and no reader accepts it.
        """
        self.ready.set()
        written: Written = asyncio.Queue(IN_FLIGHT)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._judge_all(term, written))
                group.create_task(self._settle_all(term, written))
                group.create_task(self._look_out_for_successor(term))
        except* ENDINGS as ended:
            raise TermEnded(str(ended.exceptions[0])) from ended

    async def _judge_all(self, term: Term, written: Written) -> None:
        while True:
            start = term.partition.source + 1
            actions = await self._log.read("actions", self._number, start, BATCH)
            self.lag = await self._log.end("actions", self._number) - start
            if actions:
                decisions = [self._judge(term, record) for record in actions]
                for portion in self._log.bounds.portions(decisions, _value):
                    values = [value for _, value in portion]
                    future = self._log.append("events", self._number, values)
                    await written.put((future, portion))
            elif not self._snapshotting.due:
                await self._log.wait("actions", self._number, start)
            if self._snapshotting.due:  # of what is on the log, and of nothing else
                await written.join()
                self._snapshotting.advance(term.partition, term.acceptance)
                await asyncio.sleep(0)

    async def _settle_all(self, term: Term, written: Written) -> None:
        while True:
            future, decisions = await written.get()
            async with asyncio.timeout(APPEND_DEADLINE):
                first = await future
            await self._settle(term, first, decisions)
            self._tell_waiting(term.partition, decisions)
            written.task_done()

    async def _look_out_for_successor(self, term: Term) -> None:
        """See a successor's fence also while there is nothing to decide."""
        await self._retired.wait()
        offset = term.acceptance.offset
        while True:
            await self._log.wait("events", self._number, offset)
            for record in await self._log.read("events", self._number, offset):
                offset = record.offset + 1
                if offset > term.fence + 1 and codec.is_fence(record.value):
                    raise TermEnded(f"another decider took over at {record.offset}")

    def _tell_waiting(self, partition: Partition, decisions: list[Judged]) -> None:
        signals = queue_signals(partition, (decision for decision, _ in decisions))
        values = [codec.encode(signal) for signal in signals]
        for portion in self._log.bounds.portions(values, bytes):
            _ = self._log.append("signals", self._number, portion)

    def _judge(self, term: Term, record: LogRecord) -> Judged:
        try:
            action = codec.decode_action(record.value)
        except MalformedRecord as error:
            decision = judge_malformed(
                term.partition, str(error), source=record.offset, fence=term.fence, at=self._clock()
            )
            value = codec.encode(decision)
        else:
            decision, value = judge_within(
                self._log.bounds.record,
                term.partition,
                action,
                source=record.offset,
                fence=term.fence,
            )
        fold(term.partition, decision, value)
        return decision, value

    async def _settle(self, term: Term, first: int, decisions: list[Judged]) -> None:
        """Take up that the decisions are on the log from the offset `first` on."""
        for offset in range(term.acceptance.offset, first):
            await self._look_at(term, offset)
        for offset, (decision, _) in enumerate(decisions, first):
            if term.acceptance.take(offset, decision) is None:
                raise TermEnded(f"the log does not accept the decision at {offset}")
            self._snapshotting.observe(decision)
            self._timers.observe(decision.account, decision.events)
            self.refused += decision.refused is not None
        self.decided += len(decisions)
        self.next_action = term.acceptance.source + 1

    async def _look_at(self, term: Term, offset: int) -> None:
        """Take up a record that another decider wrote between ours."""
        for record in await self._log.read("events", self._number, offset, 1):
            ignored = term.acceptance.ignored
            term.acceptance.read(offset, record.value)
            self.ignored += term.acceptance.ignored - ignored
        if term.acceptance.fence != term.fence:
            raise TermEnded(f"another decider's fence stands at {offset}")

    async def _append(self, values: list[bytes]) -> int:
        async with asyncio.timeout(APPEND_DEADLINE):
            return await self._log.append("events", self._number, values)

    def _append_actions(self, actions: list[Action]) -> asyncio.Future[int]:
        return self._log.append("actions", self._number, [codec.encode(a) for a in actions])


def _value(judged: Judged) -> bytes:
    return judged[1]
