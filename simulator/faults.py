"""Faults: what the checker can find, each by its own code, and the verdict that gathers them."""

from collections import Counter
from typing import NamedTuple

FAULTS: dict[str, str] = {
    # what clients were told, against the log
    "action_lost": "An answered action is not on the log.",
    "applied_twice": "One action was decided twice.",
    "answer_false": "An answer differs from the decision.",
    "repeat_false": "A repeated action was given another answer than the first time.",
    "action_altered": "What was decided is not what was sent.",
    # what clients received, against what they may see
    "frame_missing": "An event that the client may see was not sent to it.",
    "frame_duplicate": "An event was sent twice.",
    "frame_disorder": "An event was sent later than one that follows it.",
    "frame_altered": "An event was sent otherwise than it stands on the log.",
    "frame_unknown": "An event was sent that is not on the log.",
    "prev_broken": "A frame's `prev` is not what was sent before it.",
    "cursor_unknown": "A cursor is no event of the account.",
    "cursor_backward": "A cursor lies before what was sent already.",
    "resume_gap": "A resume left out an event that the client missed.",
    "resume_duplicate": "A resume sent what the client had already.",
    "foreign_event": "A client was sent an event of another account.",
    "internal_leaked": "A visitor was shown an internal message.",
    "audience_leaked": "A client was shown what it may not see.",
    "state_differs": "The client's state differs from a fresh snapshot.",
    # the log by itself
    "version_hole": "An account's versions are not dense.",
    "id_disorder": "An event's id does not follow the one before it.",
    "chain_broken": "A decision does not carry the hash of the one before it.",
    "record_unreadable": "A record of the log cannot be read.",
    "desk_over_limit": "A desk was given a chat above its limit.",
    "two_owners": "A chat was given a second owner.",
    "two_conversations": "A chat was given a second conversation.",
    "chat_not_open": "Something happened in a chat that is not open.",
}
"""Every fault's code and what it says."""

KEPT_PER_CODE = 20


class Fault(NamedTuple):
    """One fault. `client` is empty when the log alone shows it; `id` names the event or key."""

    code: str
    client: str
    account: str
    id: str
    detail: str

    def __str__(self) -> str:
        where = f"client {self.client}, " if self.client else ""
        return f"{self.code}: {where}account {self.account}, {self.id}: {self.detail}"


class Verdict:
    """The faults found (the first 20 of each code, all counted) and how much was looked at."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.found: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        """How many of `events`, `decisions`, `ignored`, `actions`, `answers`, `frames`, … ."""

    @property
    def clean(self) -> bool:
        """Nothing was found."""
        return not self.found

    @property
    def codes(self) -> frozenset[str]:
        """The codes of what was found."""
        return frozenset(self.found)

    def report(self, code: str, client: str, account: str, id: str, detail: str = "") -> None:
        """Take down a fault. Raises KeyError for a code that FAULTS does not have."""
        says = FAULTS[code]
        self.found[code] += 1
        if self.found[code] <= KEPT_PER_CODE:
            self.faults.append(Fault(code, client, account, id, detail or says))

    def absorb(self, other: "Verdict") -> None:
        """Add what another verdict found and looked at."""
        self.faults.extend(other.faults)
        self.found.update(other.found)
        self.checked.update(other.checked)

    def __str__(self) -> str:
        looked = ", ".join(f"{count:,} {what}" for what, count in sorted(self.checked.items()))
        if self.clean:
            return f"clean ({looked})"
        counts = ", ".join(f"{code} x{count}" for code, count in sorted(self.found.items()))
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        return f"FAULTS: {counts} ({looked})\n{lines}"
