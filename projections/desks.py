"""Desks: their groups, their staff and how many conversations are open there."""

from typing import assert_never

from msgspec.structs import replace

from projections.kinds import (
    AccountEvent,
    ChatEvent,
    CredentialEvent,
    OperatorEvent,
    TalkEvent,
    VisitorEvent,
)
from projections.reading import Reader
from projections.rows import Rows
from projections.schema import view_table
from schemas import events as e
from schemas.events import Event
from schemas.views import DeskView

desks = view_table("desks")

reader = Reader(desks, DeskView)

Ignored = (
    TalkEvent
    | ChatEvent
    | VisitorEvent
    | AccountEvent
    | CredentialEvent
    | OperatorEvent
    | e.GroupAdded
    | e.GroupChanged
)


class Desks:
    """Takes up what is said about desks."""

    ignored = Ignored

    def __init__(self) -> None:
        self.rows = Rows(desks, DeskView)

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        data = event.data
        match data:
            case e.ConversationOpened():
                self._load(account, data.desk, +1)
            case e.ConversationClosed():
                self._load(account, data.desk, -1)
            case e.DeskAdded():
                self._add(account, event.id, data)
            case e.DeskChanged():
                desk = self.rows.get(account, data.desk)
                desk = replace(desk, name=data.name, limit=data.limit, groups=data.groups)
                self.rows.put(account, data.desk, desk)
            case e.DeskRemoved():
                self.rows.remove(account, data.desk)
            case e.DeskStaffed():
                desk = self.rows.get(account, data.desk)
                self.rows.put(account, desk.id, replace(desk, staff=(*desk.staff, data.operator)))
            case e.DeskLeft():
                desk = self.rows.get(account, data.desk)
                staff = tuple(other for other in desk.staff if other != data.operator)
                self.rows.put(account, desk.id, replace(desk, staff=staff))
            case e.GroupRemoved():
                self._leave_group(account, data.group)
            case _:
                if not isinstance(data, Ignored):
                    assert_never(data)

    def _add(self, account: str, desk: str, data: e.DeskAdded) -> None:
        view = DeskView(
            id=desk,
            name=data.name,
            limit=data.limit,
            groups=data.groups,
            operator=data.operator,
            staff=() if data.operator is None else (data.operator,),
        )
        self.rows.put(account, desk, view)

    def _load(self, account: str, id: str, change: int) -> None:
        desk = self.rows.get(account, id)
        self.rows.put(account, id, replace(desk, load=desk.load + change))

    def _leave_group(self, account: str, group: str) -> None:
        for id, desk in self.rows.of(account):
            if group in desk.groups:
                groups = tuple(other for other in desk.groups if other != group)
                self.rows.put(account, id, replace(desk, groups=groups))
