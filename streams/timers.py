"""Timers: what is due reaches the decider as an action, never as a clock."""

import asyncio
import heapq
from collections.abc import Callable, Iterable
from typing import NamedTuple

from schemas.actions import Action, ExpireOffer
from schemas.events import ConversationOpened, Event
from schemas.values import SYSTEM
from streams.clock import Clock

EXPIRED_AT_ONCE = 1_000
"""Offers whose actions are appended together."""

RETRY_AFTER = 1.0
"""Seconds between an append that failed and the next try."""


class Offer(NamedTuple):
    """An offer that runs out; `due` is in the loop's time (seconds)."""

    due: float
    account: str
    chat: str
    conversation: str


class OfferTimers:
    """The offers of one partition, soonest first.

    An offer is not removed when somebody joins: the action that comes of it is refused then.
    So the memory is bounded by the offers made within one `no_answer_after`.
    """

    def __init__(self, clock: Clock, append: Callable[[list[Action]], asyncio.Future[int]]) -> None:
        self._clock = clock
        self._append = append
        self._offers: list[Offer] = []
        self._handle: asyncio.TimerHandle | None = None
        self._next = 0.0
        """When the handle fires, which uvloop's does not say of one that is due at once."""

    def observe(self, account: str, events: Iterable[Event]) -> None:
        """Take up the offers among newly decided, or recovered, events."""
        for event in events:
            data = event.data
            if type(data) is ConversationOpened and data.offered_until is not None:
                self.offer(account, event.chat or "", event.id, event.at, data.offered_until)

    def offer(self, account: str, chat: str, conversation: str, at: int, until: int) -> None:
        """Watch one offer, made at `at` and good until `until` (ms).

        A wall clock that was set back in between delays it by one full period at most.
        """
        wait = min(max(until - self._clock(), 0), until - at) / 1000
        loop = asyncio.get_running_loop()
        self._push(Offer(loop.time() + wait, account, chat, conversation))

    def stop(self) -> None:
        """Forget everything."""
        self._offers.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _push(self, offer: Offer) -> None:
        heapq.heappush(self._offers, offer)
        self._schedule()

    def _schedule(self) -> None:
        due = self._offers[0].due
        if self._handle is not None:
            if self._next <= due:
                return
            self._handle.cancel()
        self._next = due
        self._handle = asyncio.get_running_loop().call_at(due, self._fire)

    def _fire(self) -> None:
        self._handle = None
        now = asyncio.get_running_loop().time()
        expired: list[Offer] = []
        while self._offers and self._offers[0].due <= now and len(expired) < EXPIRED_AT_ONCE:
            expired.append(heapq.heappop(self._offers))
        if expired:
            appended = self._append([self._expire(offer) for offer in expired])
            appended.add_done_callback(lambda future: self._appended(expired, future))
        if self._offers:
            self._schedule()

    def _appended(self, expired: list[Offer], future: asyncio.Future[int]) -> None:
        """An append that failed is tried again: the action's id makes that harmless."""
        if future.cancelled() or future.exception() is None:
            return
        for offer in expired:
            self._push(offer._replace(due=offer.due + RETRY_AFTER))

    def _expire(self, offer: Offer) -> Action:
        return Action(
            id=f"expire-{offer.conversation}",
            account=offer.account,
            actor=SYSTEM,
            at=self._clock(),
            data=ExpireOffer(chat=offer.chat, conversation=offer.conversation),
        )
