"""The API over HTTP as one person sees it: requests, answers, and what an error means."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from schemas.actions import AnyAction
from schemas.decisions import Answer
from schemas.refusals import REFUSALS, Refusal
from simulator.answer_check import NOT_TOLD
from simulator.errors import OutcomeUnknown, TurnedAway
from simulator.routes import route_of

VERSION_HEADER = "deskstream-version"
KEY_HEADER = "idempotency-key"

TRANSIENT = frozenset({412, 429, 500, 502, 503, 504})
"""Statuses that say nothing about the action (it is to be sent again with its key), or that a
read is not up to date yet."""

CONNECTIONS = 200


class _Problem(msgspec.Struct):
    code: str = "unknown"
    detail: str = ""


_problems = msgspec.json.Decoder(_Problem)


class Servers(httpx.AsyncClient):
    """A pool of connections to a server, or to several that serve alike.

    One of them is asked, from the first on; when it fails, the next one is asked from then on.
    """

    def __init__(self, urls: Sequence[str], **options: Any) -> None:
        """`options` as httpx has them."""
        super().__init__(base_url=urls[0], **options)
        self._urls = [httpx.URL(url) for url in urls]

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """See httpx.AsyncClient.send."""
        try:
            return await super().send(request, **options)
        except httpx.TransportError:
            self.failed(request.url)
            raise

    def failed(self, url: httpx.URL) -> None:
        """This one cannot be reached: turn to the next, if nobody else has done so."""
        for number, known in enumerate(self._urls):
            if known.netloc == url.netloc == self.base_url.netloc:
                self.base_url = self._urls[(number + 1) % len(self._urls)]
                return


def open_http(*urls: str, connections: int = CONNECTIONS) -> Servers:
    """A pool of connections to servers that serve alike. Close it."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else every request is news
    logging.getLogger("simulator.transports").setLevel(logging.WARNING)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=connections)
    return Servers(urls, limits=limits, timeout=15.0, trust_env=False)


def open_each_first(urls: Sequence[str]) -> list[Servers]:
    """As many pools as servers; each begins with another one. Close them."""
    return [open_http(*urls[number:], *urls[:number]) for number in range(len(urls))]


class Http:
    """Requests with one person's token."""

    def __init__(self, http: Servers, token: str = "") -> None:
        self.http = http
        self.token = token
        self.version = 0
        """The newest version that an answer told of: reads ask for this one or a newer."""

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to a request, if it is success. Raises OutcomeUnknown or TurnedAway."""
        headers = {}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        if key is not None:
            headers[KEY_HEADER] = key
        if method == "GET" and self.version:
            headers[VERSION_HEADER] = str(self.version)
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        try:
            response = await self.http.request(
                method, path, content=content, headers=headers, params=params
            )
        except httpx.HTTPError as error:
            raise OutcomeUnknown(repr(error)) from error
        if response.status_code in TRANSIENT:
            raise OutcomeUnknown(f"status {response.status_code}", _retry_after(response))
        if not response.is_success:
            problem = _problem(response)
            raise TurnedAway(response.status_code, problem.code, problem.detail)
        self.version = max(self.version, version_of(response))
        return response

    async def get(self, path: str, **params: str) -> httpx.Response:
        """The answer to a read. Raises OutcomeUnknown or TurnedAway."""
        return await self.request("GET", path, params=params or None)

    async def act(self, data: AnyAction, key: str | None) -> Answer:
        """What became of an action. Raises OutcomeUnknown or TurnedAway.

        The answer's id is NOT_TOLD where HTTP shows the changed thing instead of the event's id,
        and a refusal's version is -1.
        """
        route = route_of(data)
        try:
            response = await self.request(route.method, route.path, route.body, key=key)
        except TurnedAway as error:
            if error.code not in REFUSALS:
                raise
            refusal = Refusal(code=error.code, detail=str(error))
            return Answer(action="", version=-1, refused=refusal)
        return Answer(action="", version=version_of(response), id=_made(response))


class _Made(msgspec.Struct):
    id: str = NOT_TOLD


_made_things = msgspec.json.Decoder(_Made)


def _made(response: httpx.Response) -> str | None:
    """The id of what a request made, where the answer says it."""
    if response.status_code not in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
        return NOT_TOLD
    return _made_things.decode(response.content).id


def version_of(response: httpx.Response) -> int:
    """The account's version that an answer tells, -1 if it tells none."""
    return int(response.headers.get(VERSION_HEADER, -1))


def _problem(response: httpx.Response) -> _Problem:
    try:
        return _problems.decode(response.content)
    except msgspec.DecodeError:
        return _Problem(detail=response.text[:200])


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("retry-after", "0")
    return float(value) if value.isdigit() else 0.0
