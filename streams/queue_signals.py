"""Where a waiting chat stands in its queue, told to its visitor whenever the queue moves."""

from collections.abc import Iterable, Iterator

from schemas.decisions import Decision
from schemas.events import ChatClosed, ChatQueued, ConversationOpened
from schemas.signals import QueuePosition, Signal
from schemas.values import SYSTEM, visitor_audience
from streams.domain.state import Account, Partition

TOLD = 50
"""Visitors at the head of each queue who are told; the others can ask."""

_MOVES = frozenset({ChatQueued, ConversationOpened, ChatClosed})


def queue_signals(partition: Partition, decisions: Iterable[Decision]) -> Iterator[Signal]:
    """What to tell after these decisions, which `partition` has taken up."""
    moved = {
        decision.account: decision.at
        for decision in decisions
        for event in decision.events
        if type(event.data) in _MOVES
    }
    for id, at in moved.items():
        yield from _positions(partition.accounts[id], at)


def _positions(account: Account, at: int) -> Iterator[Signal]:
    for waiting in account.queues.values():
        for position, chat in enumerate(waiting[:TOLD], 1):
            yield Signal(
                account=account.id,
                at=at,
                actor=SYSTEM,
                audience=(visitor_audience(account.chats[chat].visitor),),
                data=QueuePosition(chat=chat, position=position),
            )
