"""Faults in what clients received and were shown."""

from schemas import events
from schemas.ids import event_id
from simulator import fingerprint
from simulator.history import FrameNote
from tests.support.history import START, Day
from tests.support.planted.register import (
    chat_of,
    frames,
    live_frames,
    plant,
    replace_note,
    resumed,
    shift_notes,
)


@plant("frame_missing: a frame is dropped")
def _(day: Day) -> None:
    got = live_frames(day)
    got[3:4] = []
    day.alter_frames("ana", got)


@plant("frame_missing: a frame is left out and the chain closed over it")
def _(day: Day) -> None:
    got = live_frames(day)
    got[4] = got[4]._replace(prev=got[2].id)
    got[3:4] = []
    day.alter_frames("ana", got)


@plant("frame_missing: the last frame never comes")
def _(day: Day) -> None:
    day.alter_frames("ana", live_frames(day)[:-1])


@plant("frame_missing: between being caught up and the first live frame")
def _(day: Day) -> None:
    got = live_frames(day)
    day.alter_frames("ana", got[1:])


@plant("frame_duplicate: a frame comes twice")
def _(day: Day) -> None:
    got = live_frames(day)
    got.insert(4, got[3])
    day.alter_frames("ana", got)


@plant("frame_disorder: two frames change places")
def _(day: Day) -> None:
    got = live_frames(day)
    got[3], got[4] = got[4], got[3]
    day.alter_frames("ana", got)


@plant("frame_altered: a frame says something else")
def _(day: Day) -> None:
    got = live_frames(day)
    got[3] = got[3]._replace(mark=got[3].mark + 1)
    day.alter_frames("ana", got)


@plant("frame_unknown: a frame that is on no log")
def _(day: Day) -> None:
    got = live_frames(day)
    got.append(FrameNote(event_id(START + 800, 800), got[-1].id, 99))
    day.alter_frames("ana", got)


@plant("frame_unknown: a frame whose id is none")
def _(day: Day) -> None:
    got = live_frames(day)
    got.append(FrameNote("nonsense", got[-1].id, 99))
    day.alter_frames("ana", got)


@plant("prev_broken: a frame names another one before it")
def _(day: Day) -> None:
    got = live_frames(day)
    got[4] = got[4]._replace(prev=got[2].id)
    day.alter_frames("ana", got)


@plant("prev_broken: a frame names none before it")
def _(day: Day) -> None:
    got = live_frames(day)
    got[4] = got[4]._replace(prev=None)
    day.alter_frames("ana", got)


@plant("cursor_unknown: caught up at what never was")
def _(day: Day) -> None:
    replace_note(day, "ana", "caught_up", event_id(START + 800, 800))


@plant("cursor_unknown: reset to what never was")
def _(day: Day) -> None:
    client = day.client("vito")
    client.reset("too_old", event_id(START + 800, 800))


@plant("cursor_backward: caught up before what was sent already")
def _(day: Day) -> None:
    client = day.client("ana")
    client.caught_up(day.events("acme")[0].id)


# --- resume --------------------------------------------------------------------------------


@plant("resume_gap: a missed event is left out")
def _(day: Day) -> None:
    first, _ = resumed(day)
    got = frames(day, "vera")
    shift_notes(day, "vera", after=first, by=-1)
    del got[first]
    day.alter_frames("vera", got)


@plant("resume_gap: nothing of what was missed comes")
def _(day: Day) -> None:
    first, after = resumed(day)
    got = frames(day, "vera")
    shift_notes(day, "vera", after=first, by=first - after)
    del got[first:after]
    day.alter_frames("vera", got)


@plant("resume_duplicate: what the client had comes again")
def _(day: Day) -> None:
    first, _ = resumed(day)
    got = frames(day, "vera")
    shift_notes(day, "vera", after=first, by=1)
    got.insert(first, got[first - 1])
    day.alter_frames("vera", got)


# --- who may see what ----------------------------------------------------------------------


@plant("foreign_event: an event of another account")
def _(day: Day) -> None:
    foreign = day.events("acme")[-1]
    client = day.client("zoe")
    client.event(foreign, frames(day, "zoe")[-1].id)


@plant("foreign_event: an event of another account under an id that ours has too")
def _(day: Day) -> None:
    foreign = day.events("acme")[2]
    ours = day.events("zeta")[2]
    assert foreign.id == ours.id
    got = frames(day, "zoe")
    got.insert(0, got[0]._replace(mark=fingerprint.of_event(foreign)))
    day.alter_frames("zoe", got)


@plant("internal_leaked: an internal note reaches the visitor")
def _(day: Day) -> None:
    note = next(e for e in day.events("acme") if e.audience == ("staff",) and e.chat is not None)
    got = frames(day, "vera")
    place = next(p for p, frame in enumerate(got) if frame.id > note.id)
    leaked = FrameNote(note.id, got[place - 1].id, fingerprint.of_event(note))
    got[place] = got[place]._replace(prev=note.id)
    got.insert(place, leaked)
    shift_notes(day, "vera", after=place + 1, by=1)
    day.alter_frames("vera", got)


@plant("internal_leaked: a read shows an internal note to the visitor")
def _(day: Day) -> None:
    note = next(e for e in day.events("acme") if e.audience == ("staff",) and e.chat is not None)
    day.client("vera").saw("message", note.id)


@plant("audience_leaked: a visitor gets another visitor's message")
def _(day: Day) -> None:
    _, event = day.find(events.MessagePosted)
    client = day.client("vito")
    newest = client.notes[1].id
    day.leave("vito")
    client.event(event, newest)


@plant("audience_leaked: a read shows a visitor another one's chat")
def _(day: Day) -> None:
    day.client("vito").saw("chat", chat_of(day))


@plant("state_differs: a client's state is not the snapshot")
def _(day: Day) -> None:
    day.client("ana").compare('{"chats":[1]}', '{"chats":[2]}')
