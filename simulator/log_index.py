"""The log as the checker needs it: about 60 bytes an event, found by version, by audience."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from schemas.events import Event, MessagePosted
from schemas.ids import EVENT_ID_LENGTH, parse_event_id
from simulator import fingerprint

NOWHERE = -1


def version_in(id: str) -> int:
    """The version that an event id carries, NOWHERE if it is none."""
    try:
        return parse_event_id(id)[1]
    except ValueError:
        return NOWHERE


class AccountIndex:
    """One account's events, in order. `partial`: some events, seen by nobody, are not in it."""

    def __init__(self, account: str, *, partial: bool = False) -> None:
        self.account = account
        self.partial = partial
        self.last_id = ""
        self.last_version = 0
        self._versions = array("q")
        self._ids = bytearray()
        self._marks = array("Q")
        self._postings: dict[str, array[int]] = {}
        self._internal = array("q")
        self._nobody: array[int] = array("q")

    def __len__(self) -> int:
        return len(self._versions)

    def add(self, event: Event) -> None:
        """The next event. Versions and ids that do not rise are the caller's to report."""
        self.last_id, self.last_version = event.id, event.version
        self._versions.append(event.version)
        self._ids += event.id.encode()[:EVENT_ID_LENGTH].ljust(EVENT_ID_LENGTH)
        self._marks.append(fingerprint.of_event(event))
        for entry in event.audience:
            posting = self._postings.get(entry)
            if posting is None:
                posting = self._postings[entry] = array("q")
            posting.append(event.version)
        if isinstance(event.data, MessagePosted) and event.data.internal:
            self._internal.append(event.version)

    def mark_of(self, id: str) -> int | None:
        """The fingerprint of the event with this id, None if there is none."""
        place = self._place(version_in(id))
        start = place * EVENT_ID_LENGTH
        if place == NOWHERE or self._ids[start : start + EVENT_ID_LENGTH] != id.encode():
            return None
        return self._marks[place]

    def knows(self, id: str) -> bool:
        """Whether a cursor can be this id; a partial index believes what may be hidden."""
        version = version_in(id)
        if version == NOWHERE:
            return False
        return self.mark_of(id) is not None or (self.partial and self._place(version) == NOWHERE)

    def id_of(self, version: int) -> str:
        """The id of the event with this version, or the version in words."""
        place = self._place(version)
        if place == NOWHERE:
            return f"version {version}"
        start = place * EVENT_ID_LENGTH
        return self._ids[start : start + EVENT_ID_LENGTH].decode()

    def is_internal(self, version: int) -> bool:
        """Whether the event with this version is an internal message."""
        return contains(self._internal, version)

    def visible_to(self, entries: Iterable[str]) -> Sequence[int]:
        """The versions, rising, of the events whose audience has one of these entries."""
        postings = [self._postings[entry] for entry in entries if entry in self._postings]
        if not postings:
            return self._nobody
        if len(postings) == 1:
            return postings[0]
        return array("q", sorted(set().union(*postings)))

    def _place(self, version: int) -> int:
        place = version - 1
        if 0 <= place < len(self._versions) and self._versions[place] == version:
            return place
        place = bisect_left(self._versions, version)
        found = place < len(self._versions) and self._versions[place] == version
        return place if found else NOWHERE


class LogIndex:
    """All accounts' events."""

    def __init__(self) -> None:
        self.accounts: dict[str, AccountIndex] = {}

    def account(self, account: str, *, partial: bool = False) -> AccountIndex:
        """An account's index, made when it is asked for first."""
        index = self.accounts.get(account)
        if index is None:
            index = self.accounts[account] = AccountIndex(account, partial=partial)
        return index

    def owner_of(self, id: str, mark: int, *, besides: str) -> str | None:
        """Another account that has this very event."""
        for account, index in self.accounts.items():
            if account == besides:
                continue
            found = index.mark_of(id)
            if found is not None and mark in (found, fingerprint.UNKNOWN):
                return account
        return None


def between(versions: Sequence[int], low: int, high: int) -> Sequence[int]:
    """Of rising versions, those with low < version < high."""
    return versions[bisect_right(versions, low) : bisect_left(versions, high)]


def contains(versions: Sequence[int], version: int) -> bool:
    """Whether a version is among these rising ones."""
    place = bisect_left(versions, version)
    return place < len(versions) and versions[place] == version
