"""Examples of the topics' records, made by the code that makes the records."""

from typing import Final

from schemas import codec
from schemas.actions import Action, AddVisitor, CreateAccount
from schemas.decisions import Decision, Fence
from schemas.record import Record
from schemas.signals import Signal, Typing
from schemas.values import SYSTEM, Actor
from streams.cloudevents import headers_of
from streams.domain.partition import Partition, fold, judge
from streams.kafka_connection import KafkaTopic

_AT: Final = 1_767_225_600_000

_CREATE: Final = Action(
    id="8d1f0c6b2a9e4d57-1",
    account="acme",
    actor=SYSTEM,
    at=_AT,
    data=CreateAccount(name="Acme"),
)
ACTION: Final = Action(
    id="8d1f0c6b2a9e4d57-2",
    account="acme",
    actor=SYSTEM,
    at=_AT + 1_500,
    data=AddVisitor(name="Vera"),
    trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
FENCE: Final = Fence(decider="decider-1", at=_AT - 60_000)
SIGNAL: Final = Signal(
    account="acme",
    at=_AT + 9_000,
    actor=Actor(kind="visitor", id="074qqcjg000000000020"),
    audience=("staff",),
    data=Typing(chat="074qqcqig00000000030"),
)


def decisions() -> tuple[Decision, Decision]:
    """What is decided about two actions that follow each other."""
    partition = Partition()
    first = judge(partition, _CREATE, source=0, fence=0)
    fold(partition, first, codec.encode(first))
    return first, judge(partition, ACTION, source=1, fence=0)


DECISION: Final = decisions()[1]

_TOPIC_OF: Final[dict[type[Record], KafkaTopic]] = {
    Action: "actions",
    Decision: "events",
    Fence: "events",
    Signal: "signals",
}
_MADE_UP: Final = "5b0e1f6a7c3d2948-1"


def headers(record: Record) -> dict[str, str]:
    """The headers of a record; the id of one that carries none is drawn anew each time."""
    found = headers_of(_TOPIC_OF[type(record)], codec.encode(record))
    shown = {name: value.decode() for name, value in found}
    if isinstance(record, Fence | Signal):
        shown["ce_id"] = _MADE_UP
    return shown
