"""A client does things until their outcome is known, with one key, and keeps its history."""

import random

import httpx
import pytest

from schemas.actions import CloseChat, JoinChat, PostMessage
from schemas.ids import event_id
from schemas.values import TextContent
from simulator.acting import Acting
from simulator.errors import OutcomeUnknown, TurnedAway
from simulator.history import ClientHistory
from simulator.http import Http, Servers
from simulator.measures import Measures
from streams.domain.access import Viewer

MESSAGE = PostMessage(chat="c1", content=TextContent(text="Hello."))
ID = event_id(1_700_000_000_000, 7)


class Desk:
    """Acting over a transport that answers as told."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        viewer = Viewer(kind="operator", id="ana", account="acme", role="agent")
        self.history = ClientHistory("ana", viewer)
        self.measures = Measures()
        http = Servers(["http://desk"], transport=httpx.MockTransport(self._answer))
        self.acting = Acting(
            Http(http, "token"), self.history, self.measures, chance=random.Random(1)
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def done(status: int = 201, **body: object) -> httpx.Response:
    return httpx.Response(status, json=body, headers={"deskstream-version": "7"})


async def test_an_answer_is_kept_with_its_key() -> None:
    desk = Desk(done(id=ID, version=7, at=1))
    answer = await desk.acting.act(MESSAGE)
    assert (answer.id, answer.version) == (ID, 7)
    (request,) = desk.requests
    assert request.url.path == "/v1/chats/c1/messages"
    assert request.headers["authorization"] == "Bearer token"
    assert request.headers["idempotency-key"] == desk.history.sent[0].key
    assert desk.history.answers == {0: [answer]}
    assert desk.measures.counts["messages"] == 1


async def test_an_unknown_outcome_is_asked_again_with_the_same_key() -> None:
    desk = Desk(
        httpx.ConnectError("refused"),
        httpx.Response(504, json={"code": "overdue"}),
        httpx.Response(503),
        done(id=ID),
    )
    answer = await desk.acting.act(MESSAGE)
    assert answer.id == ID
    assert len({request.headers["idempotency-key"] for request in desk.requests}) == 1
    assert len(desk.history.sent) == 1
    assert not desk.history.unanswered
    assert desk.measures.counts["retries"] == 3


async def test_a_refusal_is_an_answer() -> None:
    desk = Desk(httpx.Response(409, json={"code": "chat_taken", "detail": "The chat has one."}))
    answer = await desk.acting.act(JoinChat(chat="c1"))
    assert answer.refused is not None
    assert answer.refused.code == "chat_taken"
    assert desk.measures.refusals == {"chat_taken": 1}


async def test_what_the_server_does_not_take_is_not_asked_again() -> None:
    desk = Desk(httpx.Response(413, json={"code": "body_too_large", "detail": "Too large."}))
    with pytest.raises(TurnedAway, match="body_too_large"):
        await desk.acting.act(MESSAGE)
    assert len(desk.requests) == 1
    assert not desk.history.answers


async def test_patience_ends() -> None:
    desk = Desk(*(httpx.ConnectError("refused") for _ in range(20)))
    with pytest.raises(OutcomeUnknown):
        await desk.acting.act(MESSAGE, persist=0.0)
    assert list(desk.history.unanswered) == [0]


async def test_where_http_shows_the_changed_thing_the_id_counts_as_not_told() -> None:
    desk = Desk(done(200, id="the-chat"))
    answer = await desk.acting.act(CloseChat(chat="the-chat"))
    assert answer.id == ""
    assert answer.version == 7
