"""Who takes part: logging in, becoming a visitor, adding operators; over the public API."""

import asyncio
import random
import secrets
from typing import Any, NamedTuple

import httpx
import msgspec

from schemas.values import Role
from schemas.views import OperatorView, VisitorView
from simulator.backoff import Backoff
from simulator.errors import OutcomeUnknown
from simulator.http import Http, Servers, version_of
from streams.domain.access import Viewer

PERSIST = 20
"""How often a request is made before it is given up."""


class Credentials(NamedTuple):
    """What an operator logs in with."""

    account: str
    login: str
    password: str


class Person(NamedTuple):
    """Somebody with a token."""

    viewer: Viewer
    http: Http


class _Login(msgspec.Struct):
    token: str
    operator: OperatorView


class _Visitor(msgspec.Struct):
    token: str
    visitor: VisitorView


async def log_in(http: Servers, who: Credentials) -> Person:
    """An operator's token. Raises TurnedAway, for example `login_failed`, or OutcomeUnknown."""
    body = {"account": who.account, "login": who.login, "password": who.password}
    response = await persist(Http(http), "POST", "/v1/login", body)
    found = msgspec.json.decode(response.content, type=_Login)
    viewer = Viewer(
        kind="operator", id=found.operator.id, account=who.account, role=found.operator.role
    )
    return Person(viewer, Http(http, found.token))


async def become_visitor(http: Servers, account: str, name: str | None) -> Person:
    """A new visitor. Raises TurnedAway or OutcomeUnknown."""
    body = {"account": account} | ({} if name is None else {"name": name})
    response = await persist(Http(http), "POST", "/v1/visitors", body)
    found = msgspec.json.decode(response.content, type=_Visitor)
    viewer = Viewer(kind="visitor", id=found.visitor.id, account=account)
    person = Person(viewer, Http(http, found.token))
    person.http.version = version_of(response)
    return person


async def add_operator(
    admin: Http, name: str, *, role: Role = "agent", desk_limit: int | None = None
) -> Credentials:
    """A new operator, with a password of our own making. `account` is left empty."""
    password = secrets.token_urlsafe(16)
    login = f"{name.lower()}-{secrets.token_hex(4)}"
    body: dict[str, Any] = {"name": name, "login": login, "role": role, "password": password}
    if desk_limit is not None:
        body["desk_limit"] = desk_limit
    await persist(admin, "POST", "/v1/operators", body, key=secrets.token_hex(8))
    return Credentials("", login, password)


async def persist(
    http: Http, method: str, path: str, body: Any = None, *, key: str | None = None
) -> httpx.Response:
    """The answer to a request that is made again while its outcome is unknown.

    Raises TurnedAway, or OutcomeUnknown at last.
    """
    backoff = Backoff(random.Random())
    for number in range(1, PERSIST + 1):
        try:
            return await http.request(method, path, body, key=key)
        except OutcomeUnknown as error:
            if number == PERSIST:
                raise
            await asyncio.sleep(max(backoff.next(), error.retry_after))
    raise AssertionError("unreachable")
