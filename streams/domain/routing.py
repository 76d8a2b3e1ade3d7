"""Routing: which desk a chat goes to, and which waiting chat a free seat goes to."""

from bisect import bisect_left
from collections.abc import Collection
from typing import assert_never

from msgspec.structs import replace

from schemas.decisions import Candidate, Routing
from schemas.events import ChatQueued
from schemas.refusals import Refused
from schemas.values import Audience, Target
from streams.domain.draft import Draft
from streams.domain.seats import Seats
from streams.domain.state import Account, Chat, Desk, Wish

CANDIDATES = 20
"""Candidates that a decision lists."""


def wish_for(account: Account, to: Target | None) -> Wish:
    """What a target stands for. Raises Refused when it does not exist."""
    if to is None:
        return Wish()
    match to.kind:
        case "group":
            if to.id not in account.groups:
                raise Refused("group_unknown")
            return Wish(group=to.id)
        case "desk":
            if to.id not in account.desks:
                raise Refused("desk_unknown")
            return Wish(desk=to.id)
        case "operator":
            operator = account.operators.get(to.id)
            if operator is None:
                raise Refused("operator_unknown")
            return Wish(desk=operator.desk)
    assert_never(to.kind)


def route(
    draft: Draft, seats: Seats, chat: str, wish: Wish, passed: Collection[str] = ()
) -> str | None:
    """Choose a desk by the account's policy and record why; None when the chat has to wait."""
    rule = seats.settings.routing
    ranked = _ranked(seats, seats.free(wish, passed))
    desk = ranked[0].id if ranked else None
    draft.why.append(
        Routing(
            chat=chat,
            rule=rule,
            considered=len(ranked),
            candidates=tuple(
                Candidate(desk=desk.id, load=seats.load(desk), limit=seats.limit(desk))
                for desk in ranked[:CANDIDATES]
            ),
            desk=desk,
        )
    )
    return desk


def _ranked(seats: Seats, desks: list[Desk]) -> list[Desk]:
    """Desks in the order of the policy; they come in, and tie, in the order of their ids."""
    match seats.settings.routing:
        case "least_loaded":
            return sorted(desks, key=lambda desk: (seats.load(desk), seats.idle_since(desk)))
        case "longest_idle":
            return sorted(desks, key=lambda desk: (seats.load(desk) > 0, seats.idle_since(desk)))
        case "round_robin":
            return sorted(desks, key=lambda desk: desk.id <= seats.last_desk)
        case "manual":
            return []
    assert_never(seats.settings.routing)


def offer(draft: Draft, seats: Seats, chat: str, audience: Audience, desk: str) -> None:
    """Open a conversation at a desk, where somebody has to join in time."""
    seats.take(desk)
    until = draft.at + seats.settings.no_answer_after
    draft.open_conversation(chat, audience, desk, until)


def enqueue(draft: Draft, chat: str, audience: Audience, wish: Wish) -> None:
    """Let a chat wait."""
    draft.add(ChatQueued(group=wish.group, desk=wish.desk), audience, chat)


def serve_queue(draft: Draft, seats: Seats, requeued: Chat | None = None) -> None:
    """Give free seats to those who wait: the oldest request first that a free seat fits.

    `requeued` is a chat that this very decision let wait, as it will be.
    """
    if seats.settings.routing == "manual":
        return
    waiting = _Waiting(draft.account, requeued)
    for _ in range(draft.serving):
        chat = waiting.next(seats)
        if chat is None:
            return
        desk = route(draft, seats, chat.id, chat.wish, chat.passed)
        assert desk is not None
        offer(draft, seats, chat.id, chat.audience, desk)


class _Waiting:
    """The queues as they will be; nothing is copied, since they may be long."""

    def __init__(self, account: Account, requeued: Chat | None) -> None:
        self._chats = account.chats
        self._requeued = requeued
        self._queues = list(account.queues.values())
        if requeued is not None:
            self._queues.append([requeued.id])
        self._served: set[str] = set()

    def next(self, seats: Seats) -> Chat | None:
        """Take out the oldest request that a free seat fits."""
        found = [chat for queue in self._queues if (chat := self._first(queue, seats))]
        chat = min(found, key=lambda chat: chat.id, default=None)
        if chat is not None:
            self._served.add(chat.id)
        return chat

    def _first(self, queue: list[str], seats: Seats) -> Chat | None:
        """The first in one queue. All in a queue have the same wish."""
        desks = seats.free(self._chat(queue[0]).wish)
        if not desks:
            return None
        for id in queue:
            chat = self._chat(id)
            if id not in self._served and any(desk.id not in chat.passed for desk in desks):
                return chat
        return None

    def _chat(self, id: str) -> Chat:
        requeued = self._requeued
        return requeued if requeued is not None and requeued.id == id else self._chats[id]


def asked_anew(chat: Chat, wish: Wish) -> Chat:
    """A chat as it waits after all its desks were asked in vain: every one may be asked again."""
    return replace(chat, group=wish.group, only_desk=wish.desk, passed=[])


def positions(account: Account, chat: str) -> int | None:
    """A waiting chat's place in its queue, 1 for the next one; None if it does not wait.

    The queue is that of its group, of the one desk that it asked for, or the account's.
    """
    found = account.chats.get(chat)
    if found is None or found.status != "queued":
        return None
    return bisect_left(account.queues[found.wish.queue], chat) + 1
