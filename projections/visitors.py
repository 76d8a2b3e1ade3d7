"""Visitors."""

from typing import assert_never

from msgspec.structs import replace

from projections.kinds import (
    AccountEvent,
    ChatEvent,
    CredentialEvent,
    DeskEvent,
    GroupEvent,
    OperatorEvent,
    SeatEvent,
    TalkEvent,
)
from projections.reading import Reader
from projections.rows import Rows
from projections.schema import view_table
from schemas import events as e
from schemas.events import Event
from schemas.views import VisitorView

visitors = view_table("visitors")

reader = Reader(visitors, VisitorView)

Ignored = (
    TalkEvent
    | ChatEvent
    | SeatEvent
    | CredentialEvent
    | OperatorEvent
    | DeskEvent
    | GroupEvent
    | AccountEvent
)


def _keep_none(_: VisitorView) -> bool:
    """Visitors are many, and few are changed: none is worth keeping in memory."""
    return False


class Visitors:
    """Takes up what is said about visitors."""

    ignored = Ignored

    def __init__(self) -> None:
        self.rows = Rows(visitors, VisitorView, keep=_keep_none)

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        data = event.data
        match data:
            case e.VisitorAdded():
                view = VisitorView(id=event.id, name=data.name, email=data.email, added_at=event.at)
                self.rows.put(account, event.id, view)
            case e.VisitorChanged():
                self._change(account, data)
            case _:
                if not isinstance(data, Ignored):
                    assert_never(data)

    def _change(self, account: str, data: e.VisitorChanged) -> None:
        """Take up a change; of nobody, if the id is another thing's.

        The decider keeps no visitors, so it cannot tell that id from a visitor's.
        """
        view = self.rows.find(account, data.visitor)
        if view is None:
            return
        view = replace(
            view,
            name=view.name if data.name is None else data.name,
            email=view.email if data.email is None else data.email,
        )
        self.rows.put(account, data.visitor, view)
