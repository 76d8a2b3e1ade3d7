"""Faults in what clients were told about their actions."""

import msgspec

from schemas import events
from schemas.ids import event_id
from schemas.refusals import Refusal
from tests.support.history import START, Day, Part
from tests.support.planted.register import client_message, plant, posted, replace_answer


@plant("action_lost: an acknowledged message is not on the log")
def _(day: Day) -> None:
    client = day.client("vera")
    place = client.send("gone", client_message(day))
    client.accepted(place, event_id(START + 900, 900), 900)


@plant("action_lost: a refusal was never decided")
def _(day: Day) -> None:
    client = day.client("ana")
    client.refused(client.send("gone", client_message(day)), "chat_taken")


@plant("action_lost: an answer without key or event")
def _(day: Day) -> None:
    client = day.client("vera")
    client.accepted(client.send(None, client_message(day)), event_id(START + 900, 900), 900)


@plant("applied_twice: the same key makes a second decision")
def _(day: Day) -> None:
    place, event = day.find(events.MessagePosted)
    first = day.log[place]
    again = Part(event.data, event.audience, chat=event.chat)
    day.decide("acme", first.actor, [again], key=first.key)
    # Its author was told about the first one only.
    client = day.client("vera")
    told = client.place_of(first.key, "")
    assert told is not None
    client.answers[told] = []


@plant("applied_twice: the same action makes a second decision")
def _(day: Day) -> None:
    place, event = day.find(events.ConversationOpened)
    day.decide("acme", day.log[place].actor, [posted(event.chat)])
    day.alter(-1, action=day.log[place].action)


@plant("answer_false: another id")
def _(day: Day) -> None:
    replace_answer(day, id=event_id(START + 1, 1))


@plant("answer_false: another version")
def _(day: Day) -> None:
    replace_answer(day, version=77)


@plant("answer_false: told done, but refused")
def _(day: Day) -> None:
    client = day.client("ana")
    place = client.place_of("join2", "")
    assert place is not None
    first = client.answers[place][0]
    client.answers[place] = [msgspec.structs.replace(first, refused=None)]


@plant("answer_false: another refusal")
def _(day: Day) -> None:
    client = day.client("ana")
    place = client.place_of("join2", "")
    assert place is not None
    other = Refusal(code="chat_closed", detail="")
    first = client.answers[place][0]
    client.answers[place] = [msgspec.structs.replace(first, refused=other)]


@plant("repeat_false: the second time gets another answer")
def _(day: Day) -> None:
    place = next(p for p, decision in enumerate(day.log) if decision.repeats is not None)
    repeats = day.log[place].repeats
    assert repeats is not None
    day.alter(place, repeats=msgspec.structs.replace(repeats, version=1))


@plant("action_altered: another text is decided than was sent")
def _(day: Day) -> None:
    client = day.client("vera")
    client.sent[1] = client.sent[1]._replace(mark=12345)
