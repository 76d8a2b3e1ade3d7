"""Deciding about desks, groups and visitors."""

from msgspec.structs import replace

from schemas import actions as a
from schemas import events as e
from schemas.refusals import Refused
from schemas.values import STAFF, visitor_audience
from streams.domain.draft import Draft
from streams.domain.operators import known_operator
from streams.domain.routing import serve_queue
from streams.domain.seats import Seats
from streams.domain.state import Account, Desk


def add_desk(draft: Draft, data: a.AddDesk) -> None:
    """A shared desk; nobody sits there yet."""
    _must_know_groups(draft.account, data.groups)
    draft.add(e.DeskAdded(name=data.name, limit=data.limit, groups=data.groups))


def change_desk(draft: Draft, data: a.ChangeDesk) -> None:
    """Name, limit, groups: of any desk, personal ones too."""
    desk = known_desk(draft.account, data.desk)
    changed = replace(
        desk,
        name=desk.name if data.name is None else data.name,
        limit=desk.limit if data.limit is None else data.limit,
        groups=desk.groups if data.groups is None else data.groups,
    )
    _must_know_groups(draft.account, changed.groups)
    if changed != desk:
        draft.add(
            e.DeskChanged(
                desk=desk.id, name=changed.name, limit=changed.limit, groups=changed.groups
            )
        )
        serve_queue(draft, Seats(draft.account, draft.at, desk=changed))


def remove_desk(draft: Draft, data: a.RemoveDesk) -> None:
    """Only a shared one that serves nobody and that nobody waits for."""
    desk = _shared_desk(draft.account, data.desk)
    if any(desk.id in (chat.desk, chat.only_desk) for chat in draft.account.chats.values()):
        raise Refused("desk_busy")
    draft.add(e.DeskRemoved(desk=desk.id))


def staff_desk(draft: Draft, data: a.StaffDesk) -> None:
    """Somebody sits down, and may bring seats for those who wait."""
    desk = _shared_desk(draft.account, data.desk)
    operator = known_operator(draft.account, data.operator)
    if operator.id not in desk.staff:
        draft.add(e.DeskStaffed(desk=desk.id, operator=operator.id))
        changed = replace(desk, staff=[*desk.staff, operator.id])
        serve_queue(draft, Seats(draft.account, draft.at, desk=changed))


def leave_desk(draft: Draft, data: a.LeaveDesk) -> None:
    """Chats that the operator owns there go on; offers are routed again when they run out."""
    desk = _shared_desk(draft.account, data.desk)
    operator = known_operator(draft.account, data.operator)
    if operator.id in desk.staff:
        draft.add(e.DeskLeft(desk=desk.id, operator=operator.id))


def add_group(draft: Draft, data: a.AddGroup) -> None:
    """A group without desks."""
    draft.add(e.GroupAdded(name=data.name))


def change_group(draft: Draft, data: a.ChangeGroup) -> None:
    """A new name."""
    _must_know_groups(draft.account, (data.group,))
    draft.add(e.GroupChanged(group=data.group, name=data.name))


def remove_group(draft: Draft, data: a.RemoveGroup) -> None:
    """Only one that no open chat was asked for, or transferred to."""
    _must_know_groups(draft.account, (data.group,))
    if any(chat.group == data.group for chat in draft.account.chats.values()):
        raise Refused("group_busy")
    draft.add(e.GroupRemoved(group=data.group))


def add_visitor(draft: Draft, data: a.AddVisitor) -> None:
    """The visitor's id is the event's."""
    audience = (STAFF, visitor_audience(draft.next_id()))
    draft.add(e.VisitorAdded(name=data.name, email=data.email), audience)


def change_visitor(draft: Draft, data: a.ChangeVisitor) -> None:
    """The decider does not know what the visitor was called, so it never finds nothing new."""
    draft.must_concern(data.visitor)
    must_know_visitor(draft.account, data.visitor)
    if data.name is not None or data.email is not None:
        changed = e.VisitorChanged(visitor=data.visitor, name=data.name, email=data.email)
        draft.add(changed, (STAFF, visitor_audience(data.visitor)))


def must_know_visitor(account: Account, visitor: str) -> None:
    """Refuse (visitor_unknown) what cannot be a visitor's id; visitors are not kept."""
    if not account.has_made(visitor):
        raise Refused("visitor_unknown")


def known_desk(account: Account, id: str) -> Desk:
    """A desk. Raises Refused (desk_unknown)."""
    desk = account.desks.get(id)
    if desk is None:
        raise Refused("desk_unknown")
    return desk


def _shared_desk(account: Account, id: str) -> Desk:
    desk = known_desk(account, id)
    if desk.operator is not None:
        raise Refused("desk_personal")
    return desk


def _must_know_groups(account: Account, groups: tuple[str, ...]) -> None:
    if any(group not in account.groups for group in groups):
        raise Refused("group_unknown")
