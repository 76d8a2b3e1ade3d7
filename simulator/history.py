"""Histories: what each client sent, was told and received, kept small enough for long runs.

A client writes into its own `ClientHistory` as things happen; the checker reads it afterwards.
"""

from array import array
from collections.abc import Iterator
from typing import Literal, NamedTuple

from schemas.actions import AnyAction
from schemas.decisions import Answer
from schemas.events import Event
from schemas.ids import EVENT_ID_LENGTH
from schemas.refusals import Refusal
from simulator import fingerprint
from streams.domain.access import Viewer

_NOTHING = b" " * EVENT_ID_LENGTH

NoteKind = Literal["opened", "caught_up", "reset", "denied", "ended", "settled"]


class FrameNote(NamedTuple):
    """One event frame. `mark` is the event's fingerprint, UNKNOWN if it was not taken."""

    id: str
    prev: str | None
    mark: int


class Note(NamedTuple):
    """Something other than an event that happened to a stream, after `frames` event frames.

    `id` is the resume point (`opened`; None: none was given) or the cursor (`caught_up`,
    `reset`); `word` is the transport, the reason, the code, or the version (`settled`).
    """

    kind: NoteKind
    frames: int
    id: str | None = None
    word: str = ""


class Sent(NamedTuple):
    """One action: its idempotency key, its type, and the fingerprint of what it asks for."""

    key: str | None
    type: str
    mark: int


class FrameTape:
    """Event frames in the order they came: 48 bytes each."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._marks = array("Q")
        self._odd: dict[int, FrameNote] = {}
        """Frames whose ids do not have the length of ids."""

    def __len__(self) -> int:
        return len(self._marks)

    def append(self, id: str, prev: str | None, mark: int = fingerprint.UNKNOWN) -> None:
        """Keep a frame."""
        ours = id.encode()
        before = _NOTHING if prev is None else prev.encode()
        if len(ours) != EVENT_ID_LENGTH or len(before) != EVENT_ID_LENGTH:
            self._odd[len(self._marks)] = FrameNote(id, prev, mark)
            ours = before = _NOTHING
        self._ids += ours
        self._ids += before
        self._marks.append(mark)

    def __getitem__(self, index: int) -> FrameNote:
        """The frame at this place, from 0. Raises IndexError."""
        mark = self._marks[index]
        if index in self._odd:
            return self._odd[index]
        start = index * 2 * EVENT_ID_LENGTH
        middle, end = start + EVENT_ID_LENGTH, start + 2 * EVENT_ID_LENGTH
        before = self._ids[middle:end]
        prev = None if before == _NOTHING else before.decode()
        return FrameNote(self._ids[start:middle].decode(), prev, mark)

    def __iter__(self) -> Iterator[FrameNote]:
        return (self[index] for index in range(len(self)))


class ClientHistory:
    """What one client (one actor, one stream) sent, was told and received.

    `viewer` says who it is. Memory: about 50 bytes an event frame and 400 an action.
    """

    def __init__(self, name: str, viewer: Viewer) -> None:
        self.name = name
        self.viewer = viewer
        self.sent: list[Sent] = []
        self.answers: dict[int, list[Answer]] = {}
        """What it was told about its actions, by their place in `sent`; one for each telling."""
        self.unanswered: dict[int, str] = {}
        """Why an action's outcome is not known, or that it was turned away before the log."""
        self.frames = FrameTape()
        self.notes: list[Note] = []
        self.reads: list[tuple[str, str]] = []
        """(what, event id) of things it was shown in answers to reads."""
        self.comparison: tuple[str, str] | None = None
        """The state that it holds at the end, and a fresh one, in any comparable form."""
        self._keys: dict[str, int] = {}
        self._actions: dict[str, int] = {}

    # --- what it sends and is told -----------------------------------------------------

    def send(self, key: str | None, data: AnyAction) -> int:
        """An action goes out, for the first time. Returns its place in `sent`."""
        place = len(self.sent)
        type_ = str(data.__struct_config__.tag)
        self.sent.append(Sent(key, type_, fingerprint.of_action(data)))
        if key is not None:
            self._keys[key] = place
        return place

    def told(self, place: int, answer: Answer) -> None:
        """The answer came; again for each retry."""
        self.answers.setdefault(place, []).append(answer)
        if answer.action:
            self._actions[answer.action] = place
        self.unanswered.pop(place, None)

    def accepted(self, place: int, id: str | None, version: int, action: str = "") -> None:
        """The answer came: done."""
        self.told(place, Answer(action=action, version=version, id=id))

    def refused(self, place: int, code: str, version: int = -1, action: str = "") -> None:
        """The answer came: decided against. `version` -1: the answer did not say."""
        refusal = Refusal(code=code, detail="")
        self.told(place, Answer(action=action, version=version, refused=refusal))

    def unknown(self, place: int, why: str) -> None:
        """No answer came, or one that leaves the outcome open."""
        if place not in self.answers:
            self.unanswered[place] = why

    def place_of(self, key: str | None, action: str) -> int | None:
        """Where in `sent` the action with this key, or else with this id, is."""
        if key is not None and key in self._keys:
            return self._keys[key]
        return self._actions.get(action)

    # --- what it receives --------------------------------------------------------------

    def opened(self, transport: str, after: str | None) -> None:
        """A stream (or one long poll) begins, from this resume point."""
        self._note(Note("opened", len(self.frames), after, transport))

    def event(self, event: Event, prev: str | None) -> None:
        """An event frame came."""
        self.frames.append(event.id, prev, fingerprint.of_event(event))

    def caught_up(self, id: str) -> None:
        """A `caught_up` frame came."""
        self._note(Note("caught_up", len(self.frames), id))

    def reset(self, reason: str, id: str) -> None:
        """A `reset` frame came, with a state that stands at this id."""
        self._note(Note("reset", len(self.frames), id, reason))

    def denied(self, code: str) -> None:
        """A `denied` frame came."""
        self._note(Note("denied", len(self.frames), None, code))

    def ended(self, why: str) -> None:
        """The stream is over, by whichever side."""
        self._note(Note("ended", len(self.frames), None, why))

    def settled(self, version: int) -> None:
        """The stream is live, and the server has told the client of this version.

        So everything up to it that the client may see must have come; without this, a missing
        end is no fault.
        """
        self._note(Note("settled", len(self.frames), None, str(version)))

    def _note(self, note: Note) -> None:
        self.notes.append(note)

    def saw(self, what: str, id: str) -> None:
        """A read showed a thing (a message, a chat) that the event with this id made."""
        self.reads.append((what, id))

    def compare(self, held: str, fresh: str) -> None:
        """At the end: what the client's state is, and what a fresh snapshot says."""
        self.comparison = (held, fresh)


class History:
    """The histories of a whole run."""

    def __init__(self) -> None:
        self.clients: list[ClientHistory] = []

    def client(self, name: str, viewer: Viewer) -> ClientHistory:
        """A new client's history."""
        history = ClientHistory(name, viewer)
        self.clients.append(history)
        return history


class NoHistory(History):
    """Keeps nothing: for runs without an end."""

    def client(self, name: str, viewer: Viewer) -> ClientHistory:
        """A client's history that stays empty."""
        return _NoClientHistory(name, viewer)


class _NoClientHistory(ClientHistory):
    def send(self, key: str | None, data: AnyAction) -> int:
        return 0

    def told(self, place: int, answer: Answer) -> None:
        pass

    def unknown(self, place: int, why: str) -> None:
        pass

    def event(self, event: Event, prev: str | None) -> None:
        pass

    def saw(self, what: str, id: str) -> None:
        pass

    def _note(self, note: Note) -> None:
        pass
