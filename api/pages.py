"""Pages: opaque cursors, and the links from one page to the next."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.call import VERSION_HEADER, Call, answer
from api.problems import Problem
from projections.store import Cut, Order, Page
from schemas.ids import parse_event_id
from schemas.record import Record

MAX_LIMIT = 200
MAX_CURSOR = 200

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class PageType(Protocol[Item_contra]):
    """A record that holds a page."""

    def __call__(self, *, items: tuple[Item_contra, ...], next: str | None) -> Record:
        """The record of these items."""


class Paging:
    """Which page a request asks for."""

    def __init__(self, cursor: str | None, limit: int, order: Order = "oldest") -> None:
        self._cursor = cursor
        self._limit = limit
        self._order = order

    def cut(self, listing: str) -> Cut:
        """What to ask the rows for. Raises Problem `cursor_invalid`."""
        return Cut(decode_cursor(self._kind(listing), self._cursor), self._limit, self._order)

    def next(self, listing: str, id: str | None) -> str | None:
        """The cursor of the page after the item `id`."""
        return None if id is None else encode_cursor(self._kind(listing), id)

    def _kind(self, listing: str) -> str:
        return f"{listing}:{self._order}"


Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items of one page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=MAX_CURSOR, description="Where to go on: `next` of the page before."),
]
Ordered = Annotated[Order, Query(description="Which come first.")]


async def _oldest_first(cursor: Cursor = None, limit: Limit = 100) -> Paging:
    return Paging(cursor, limit)


async def _in_either_order(
    cursor: Cursor = None, limit: Limit = 100, order: Ordered = "oldest"
) -> Paging:
    return Paging(cursor, limit, order)


OldestFirst = Annotated[Paging, Depends(_oldest_first)]
InEitherOrder = Annotated[Paging, Depends(_in_either_order)]


async def show_page(
    call: Call,
    paging: Paging,
    listing: tuple[str, PageType[Item]],
    query: Callable[[Cut], Awaitable[Page[Item]]],
) -> Response:
    """One page of a list: its name (cursors are good for that list alone) and its record."""
    name, record = listing
    cut = paging.cut(name)
    await call.fresh()
    version = await call.services.projections.version(call.viewer.account)
    page = await query(cut)
    following = paging.next(name, page.next)
    headers = {VERSION_HEADER: str(version)}
    if following is not None:
        headers["link"] = next_link(call.request, cursor=following)
    return answer(record(items=tuple(page.items), next=following), headers=headers)


def encode_cursor(listing: str, id: str) -> str:
    """The cursor of what follows `id` in this list."""
    return base64.urlsafe_b64encode(f"{listing} {id}".encode()).rstrip(b"=").decode()


def decode_cursor(listing: str, cursor: str | None) -> str | None:
    """The id that a cursor of this list stands for. Raises Problem `cursor_invalid`."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor.encode() + b"==", altchars=b"-_", validate=True).decode()
        given, _, id = text.rpartition(" ")
        parse_event_id(id)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise Problem("cursor_invalid") from error
    if given != listing:
        raise Problem("cursor_invalid", "It belongs to another list.")
    return id


def next_link(request: Request, **changed: str) -> str:
    """A Link header's value: the same request but for `changed`."""
    query = urlencode({**dict(request.query_params), **changed})
    return f'<{request.url.path}?{query}>; rel="next"'
