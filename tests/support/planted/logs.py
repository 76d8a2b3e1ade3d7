"""Faults in the log itself."""

from schemas import events
from tests.support.history import Day, Part, both, request
from tests.support.planted.register import alter_event, chat_of, insert_at_end, plant, posted


@plant("version_hole: a version is left out")
def _(day: Day) -> None:
    part = posted(chat_of(day))
    day.versions["acme"] += 1
    insert_at_end(day, part)


@plant("version_hole: a decision names another version than its events")
def _(day: Day) -> None:
    insert_at_end(day, posted(chat_of(day)))
    day.alter(-1, version=1)


@plant("id_disorder: an id carries another time than its event")
def _(day: Day) -> None:
    day.leave("ana")
    day.leave("vera")
    insert_at_end(day, posted(chat_of(day)))
    alter_event(day, len(day.log) - 1, day.events("acme")[-1], at=1)


@plant("desk_over_limit: a desk with one seat gets a second chat")
def _(day: Day) -> None:
    _, desk = day.find(events.DeskAdded)
    request(day, "acme", "vito", desk.id, key="vito-asks")


@plant("two_owners: a second operator becomes owner")
def _(day: Day) -> None:
    joined = events.ChatJoined(operator="bob", role="owner")
    insert_at_end(day, Part(joined, both("vera"), chat=chat_of(day)))


@plant("two_conversations: a chat is at two desks")
def _(day: Day) -> None:
    added = day.decide("acme", day.log[0].actor, [Part(events.DeskAdded(name="b"), ("staff",))])
    assert added.id is not None
    opened = Part(events.ConversationOpened(desk=added.id), both("vera"), chat=chat_of(day))
    insert_at_end(day, opened)


@plant("chat_not_open: a message after the end")
def _(day: Day) -> None:
    chat = chat_of(day)
    insert_at_end(day, Part(events.ChatClosed(), both("vera"), chat=chat))
    insert_at_end(day, posted(chat))
