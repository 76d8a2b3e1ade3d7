"""Groups."""

from typing import assert_never

from msgspec.structs import replace

from projections.kinds import (
    AccountEvent,
    ChatEvent,
    CredentialEvent,
    DeskEvent,
    OperatorEvent,
    SeatEvent,
    TalkEvent,
    VisitorEvent,
)
from projections.reading import Reader
from projections.rows import Rows
from projections.schema import view_table
from schemas import events as e
from schemas.events import Event
from schemas.views import GroupView

groups = view_table("groups")

reader = Reader(groups, GroupView)

Ignored = (
    TalkEvent
    | ChatEvent
    | SeatEvent
    | VisitorEvent
    | CredentialEvent
    | OperatorEvent
    | DeskEvent
    | AccountEvent
)


class Groups:
    """Takes up what is said about groups."""

    ignored = Ignored

    def __init__(self) -> None:
        self.rows = Rows(groups, GroupView)

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        data = event.data
        match data:
            case e.GroupAdded():
                self.rows.put(account, event.id, GroupView(id=event.id, name=data.name))
            case e.GroupChanged():
                group = self.rows.get(account, data.group)
                self.rows.put(account, data.group, replace(group, name=data.name))
            case e.GroupRemoved():
                self.rows.remove(account, data.group)
            case _:
                if not isinstance(data, Ignored):
                    assert_never(data)
