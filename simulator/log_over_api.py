"""The log as staff may see it over the public API: the events of one account, in order.

For runs against a server whose log is not at hand. What no client is shown (passwords, tokens)
is missing from it, and so are the decisions; the checker knows.
"""

from collections.abc import AsyncIterator

import msgspec

from schemas.events import (
    AnyEvent,
    ChatRequested,
    Event,
    MessagePosted,
    VisitorAdded,
    VisitorChanged,
)
from schemas.values import STAFF, Actor, Audience, visitor_audience
from simulator.checker import Checker
from simulator.faults import Verdict
from simulator.history import History
from simulator.http import Http
from simulator.people import persist

EVENTS_PATH = "/v1/events"
PAGE = 200


class Item(msgspec.Struct):
    """An event as the API lists it, without its audience."""

    id: str
    version: int
    at: int
    actor: Actor
    data: AnyEvent
    chat: str | None = None
    conversation: str | None = None


class _Page(msgspec.Struct):
    items: list[Item]
    next: str | None = None


_pages = msgspec.json.Decoder(_Page)


async def check_over_api(history: History, account: str, staff: Http) -> Verdict:
    """Check a run against an account's events, read with the token of one of its staff.

    Raises TurnedAway or OutcomeUnknown.
    """
    checker = Checker(history)
    async for event in read_events(staff):
        checker.event(account, event)
    return checker.finish()


async def read_events(staff: Http) -> AsyncIterator[Event]:
    """All events that staff may see, oldest first, with the audience that each must have."""
    audiences = Audiences()
    after: str | None = None
    while True:
        query = f"?limit={PAGE}" + (f"&after={after}" if after else "")
        response = await persist(staff, "GET", EVENTS_PATH + query)
        page = _pages.decode(response.content)
        for item in page.items:
            yield audiences.complete(item)
        if page.next is None:
            return
        after = page.next


class Audiences:
    """Tells from an event itself who may see it; remembers whose chat is whose."""

    def __init__(self) -> None:
        self._visitors: dict[str, str] = {}

    def complete(self, item: Item) -> Event:
        """The event with its audience."""
        if isinstance(item.data, ChatRequested):
            self._visitors[item.id] = item.data.visitor
        return Event(
            id=item.id,
            version=item.version,
            at=item.at,
            actor=item.actor,
            audience=self._audience(item),
            data=item.data,
            chat=item.chat,
            conversation=item.conversation,
        )

    def _audience(self, item: Item) -> Audience:
        match item.data:
            case MessagePosted(internal=True):
                return (STAFF,)
            case VisitorAdded():
                return (STAFF, visitor_audience(item.id))
            case VisitorChanged(visitor=visitor):
                return (STAFF, visitor_audience(visitor))
            case _:
                visitor = self._visitors.get(item.chat or "", "")
                return (STAFF, visitor_audience(visitor)) if visitor else (STAFF,)
