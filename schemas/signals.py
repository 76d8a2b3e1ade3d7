"""Signals: true for a moment only. Never in a projection, never in a cursor."""

from schemas.record import Record
from schemas.values import AccountId, Actor, Audience, Id, Milliseconds


class SignalData(Record, tag_field="type"):
    """The base of what a signal says."""


class Typing(SignalData, tag="typing"):
    """Somebody writes, or has stopped."""

    chat: Id
    typing: bool = True


class QueuePosition(SignalData, tag="queue_position"):
    """A waiting chat's place, 1 for the next one served."""

    chat: Id
    position: int


AnySignal = Typing | QueuePosition


class Signal(Record):
    """One record of the topic `signals`."""

    account: AccountId
    at: Milliseconds
    actor: Actor
    audience: Audience
    data: AnySignal
