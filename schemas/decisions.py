"""Decisions and fences: the records of the topic `events`."""

from schemas.events import Event
from schemas.record import Record
from schemas.refusals import Refusal
from schemas.values import Actor, Id, Milliseconds, RoutingPolicy, Trace

RULES = 1
"""The version of the deciding code; goes up when the same action may be decided otherwise."""


class Candidate(Record):
    """A desk that routing looked at, with its load and limit then."""

    desk: Id
    load: int
    limit: int


class Routing(Record):
    """Why a chat went where it went: the rule, the desks with a free seat, the choice.

    `candidates` lists the first 20 of `considered`, in the rule's order; `desk` is None when
    none was free and the chat waits.
    """

    chat: Id
    rule: RoutingPolicy
    considered: int
    candidates: tuple[Candidate, ...] = ()
    desk: Id | None = None


class Answer(Record):
    """What became of an action: the id it made (its first event's) and the account's version.

    `refused` is set, and `id` is not, when it was refused. An action that changed nothing
    (a read mark that was there already) has neither.
    """

    action: Id
    version: int
    id: Id | None = None
    refused: Refusal | None = None


class Decision(Record, tag_field="type", tag="decision"):
    """What was decided about one action.

    `source` is the action's offset, `fence` the number of the deciding term, `prev` the hash of
    the account's previous decision; what belongs to no account yet (its first decision, poison,
    unknown accounts) follows the partition's last such decision, or nothing. `repeats` is set,
    and nothing else happens, when the action was decided before: it carries that first
    decision's answer. `version` is the account's version after this decision, `trace` the action's.
    """

    account: str
    action: Id
    actor: Actor
    at: Milliseconds
    source: int
    fence: int
    rules: int
    prev: str
    version: int
    key: str | None = None
    events: tuple[Event, ...] = ()
    refused: Refusal | None = None
    repeats: Answer | None = None
    why: tuple[Routing, ...] = ()
    trace: Trace | None = None

    @property
    def answer(self) -> Answer:
        """What the action's sender is told."""
        if self.repeats is not None:
            return self.repeats
        return Answer(
            action=self.action,
            version=self.version,
            id=self.events[0].id if self.events else None,
            refused=self.refused,
        )


class Fence(Record, tag_field="type", tag="fence"):
    """Opens a decider's term; its number is its own offset."""

    decider: Id
    at: Milliseconds


EventsRecord = Decision | Fence
