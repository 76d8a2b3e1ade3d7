"""A good day, before any fault is planted into it."""

import pytest

from schemas import actions, events
from schemas.decisions import Answer
from schemas.values import Actor, TextContent
from simulator.history import ClientHistory
from streams.domain.access import Viewer
from tests.support.history import (
    ANA,
    STAFF,
    Day,
    Part,
    both,
    message,
    open_account,
    request,
    visitor,
)


def say(day: Day, client: ClientHistory, chat: str, text: str, *, internal: bool = False) -> Answer:
    """A client posts a message and is told what became of it."""
    viewer = client.viewer
    actor = Actor(kind=viewer.kind, id=viewer.id)
    key = f"{client.name}-{len(client.sent)}"
    content = TextContent(text=text)
    place = client.send(key, actions.PostMessage(chat=chat, content=content, internal=internal))
    to = STAFF if internal else both("vera")
    answer = day.decide(
        viewer.account, actor, [message(chat, text, to, internal=internal)], key=key
    )
    client.told(place, answer)
    return answer


@pytest.fixture
def day() -> Day:
    """Two accounts, a chat with an internal note, a broken stream, a retry and a refusal."""
    day = Day()
    desk = open_account(day, "acme")
    other = open_account(day, "zeta")
    ana = day.watch("ana", Viewer(kind="operator", id="ana", account="acme", role="agent"))
    vera = day.watch("vera", Viewer(kind="visitor", id="vera", account="acme", role=None))
    day.watch("vito", Viewer(kind="visitor", id="vito", account="acme", role=None))
    day.watch("zoe", Viewer(kind="operator", id="zoe", account="zeta", role="agent"))

    place = vera.send("ask", actions.RequestChat(visitor="vera"))
    chat = request(day, "acme", "vera", desk, key="ask")
    first = next(decision.answer for decision in day.log if decision.key == "ask")
    vera.told(place, first)
    vera.told(place, day.repeat("acme", visitor("vera"), first, key="ask"))

    place = ana.send("join", actions.JoinChat(chat=chat))
    joined = Part(events.ChatJoined(operator="ana", role="owner"), both("vera"), chat=chat)
    ana.told(place, day.decide("acme", ANA, [joined], key="join"))
    place = ana.send("join2", actions.JoinChat(chat=chat))
    ana.told(place, day.refuse("acme", ANA, "already_in_chat", key="join2"))

    say(day, vera, chat, "Hello?")
    say(day, ana, chat, "Hello.")
    say(day, ana, chat, "She is in a hurry.", internal=True)
    held = day.drop("vera")
    say(day, ana, chat, "How can I help?")
    say(day, ana, chat, "Are you there?")
    day.resume("vera", held)
    say(day, vera, chat, "Yes.")
    say(day, vera, chat, "Bye.")

    request(day, "zeta", "zara", other, key="ask")
    return day
