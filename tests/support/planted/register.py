"""The register of planted faults, and the small tools that plant them."""

from collections.abc import Callable

import msgspec

from schemas import actions, events
from schemas.decisions import Answer
from schemas.values import TextContent
from simulator.history import FrameNote
from tests.support.history import Day, Part, both

Plant = Callable[[Day], None]

PLANTS: dict[str, Plant] = {}
"""A way to spoil a good day, by the name of the test case; the code comes before the colon."""


def plant(name: str) -> Callable[[Plant], Plant]:
    """Register a way to spoil a good day."""

    def keep(spoil: Plant) -> Plant:
        PLANTS[name] = spoil
        return spoil

    return keep


def chat_of(day: Day, client: str = "vera") -> str:
    chat = day.find(events.MessagePosted)[1].chat
    assert chat is not None
    return chat


def alter_event(day: Day, place: int, event: events.Event, **changes: object) -> None:
    """Put other values into an event, on the log alone."""
    others = tuple(
        msgspec.structs.replace(e, **changes) if e.id == event.id else e
        for e in day.log[place].events
    )
    day.alter(place, events=others)


def insert_at_end(day: Day, part: Part, account: str = "acme") -> None:
    """An event that happens last, seen by all who may see it."""
    day.decide(account, day.log[0].actor, [part])


def frames(day: Day, client: str) -> list[FrameNote]:
    return list(day.client(client).frames)


def live_frames(day: Day, client: str = "ana") -> list[FrameNote]:
    got = frames(day, client)
    assert len(got) > 6
    return got


def client_message(day: Day) -> actions.PostMessage:
    return actions.PostMessage(chat=chat_of(day), content=TextContent(text="Lost."))


def posted(chat: str | None) -> Part:
    content = TextContent(text="More.")
    return Part(events.MessagePosted(content=content), both("vera"), chat=chat)


def replace_answer(day: Day, **changes: object) -> None:
    client = day.client("vera")
    place = max(client.answers)
    first: Answer = client.answers[place][0]
    client.answers[place] = [msgspec.structs.replace(first, **changes)]


def replace_note(day: Day, name: str, kind: str, id: str) -> None:
    client = day.client(name)
    place = next(p for p, note in enumerate(client.notes) if note.kind == kind)
    client.notes[place] = client.notes[place]._replace(id=id)


def resumed(day: Day) -> tuple[int, int]:
    """Between which frames of vera's the resume brought what she had missed."""
    notes = day.client("vera").notes
    place = next(p for p, note in enumerate(notes) if note.kind == "opened" and note.id)
    assert notes[place + 1].kind == "caught_up"
    first, after = notes[place].frames, notes[place + 1].frames
    assert after - first == 2
    return first, after


def shift_notes(day: Day, name: str, *, after: int, by: int) -> None:
    """Frames were put in or taken out: the notes behind them move."""
    client = day.client(name)
    client.notes = [
        note._replace(frames=note.frames + by) if note.frames > after else note
        for note in client.notes
    ]
