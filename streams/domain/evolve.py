"""What an event changes in the state. Nothing else changes it."""

from bisect import bisect_left, insort
from typing import assert_never

from schemas import events as e
from schemas.events import Event
from streams.domain.state import Account, Chat, Desk, Operator


def evolve(account: Account | None, event: Event) -> Account:  # noqa: PLR0912, PLR0915
    """Take up one event: changes `account` and gives it back; None before its first event.

    Events come from `decide` alone, so what they name is there.
    """
    data = event.data
    if account is None:
        assert isinstance(data, e.AccountCreated)
        account = Account(settings=data.settings)
    account.version = event.version
    account.at = event.at
    match data:
        case e.MessagePosted():  # first: most events are messages, and a fold is as fast as this
            _posted(account.chats[event.chat or ""], event.id, data.internal)
        case e.MessagesRead():
            reads = account.chats[event.chat or ""].reads
            reads[f"{event.actor.kind}:{event.actor.id}"] = data.message
        case e.ChatRequested():
            _requested(account, event, data)
        case e.ChatQueued():
            _queued(account, account.chats[event.chat or ""], data)
        case e.ConversationOpened():
            _opened(account, event, data)
        case e.ChatJoined():
            _joined(account.chats[event.chat or ""], data)
        case e.ChatLeft():
            _left(account.chats[event.chat or ""], data)
        case e.ConversationClosed():
            _conversation_closed(account, event, data)
        case e.ChatTransferred():
            _transferred(account.chats[event.chat or ""], data)
        case e.ChatClosed():
            _closed(account, account.chats[event.chat or ""])
        case e.AvailabilityChanged():
            account.operators[data.operator].availability = data.availability
            _begin_to_idle(account, data.operator)
        case e.OperatorPaused():
            account.operators[data.operator].paused = True
        case e.OperatorActivated():
            account.operators[data.operator].paused = False
            _begin_to_idle(account, data.operator)
        case e.OperatorAdded():
            account.operators[event.id] = Operator(event.id, data.name, data.login, data.role)
        case e.OperatorChanged():
            operator = account.operators[data.operator]
            operator.name, operator.role = data.name, data.role
        case e.OperatorRemoved():
            del account.operators[data.operator]
        case e.DeskAdded():
            _desk_added(account, event, data)
        case e.DeskChanged():
            desk = account.desks[data.desk]
            desk.name, desk.limit, desk.groups = data.name, data.limit, data.groups
        case e.DeskRemoved():
            del account.desks[data.desk]
        case e.DeskStaffed():
            account.desks[data.desk].staff.append(data.operator)
            account.desks[data.desk].idle_since = event.at
        case e.DeskLeft():
            account.desks[data.desk].staff.remove(data.operator)
        case e.GroupAdded():
            account.groups.append(event.id)
        case e.GroupRemoved():
            _group_removed(account, data.group)
        case e.AccountCreated() | e.SettingsChanged():
            account.settings = data.settings
        case (
            e.GroupChanged()
            | e.PasswordSet()
            | e.TokenIssued()
            | e.TokenRevoked()
            | e.VisitorAdded()
            | e.VisitorChanged()
        ):
            pass  # nothing is decided by these
        case _:
            assert_never(data)
    return account


def _posted(chat: Chat, message: str, internal: bool) -> None:
    chat.last_message = message
    if internal:
        chat.internal[message] = chat.last_public
    else:
        chat.last_public = message


def _requested(account: Account, event: Event, data: e.ChatRequested) -> None:
    to = data.to
    group = to.id if to is not None and to.kind == "group" else None
    account.chats[event.id] = Chat(event.id, data.visitor, event.audience, group)
    account.visitors[data.visitor] = event.id


def _queued(account: Account, chat: Chat, data: e.ChatQueued) -> None:
    _leave_queue(account, chat)
    if chat.status == "offered":
        chat.passed = []  # all were asked in vain: each may be asked again
    chat.status = "queued"
    chat.group, chat.only_desk = data.group, data.desk
    insort(account.queues.setdefault(chat.wish.queue, []), chat.id)


def _leave_queue(account: Account, chat: Chat) -> None:
    """Take a chat out of the queue that it may be in."""
    key = chat.wish.queue
    queue = account.queues.get(key)
    if queue is None:
        return
    place = bisect_left(queue, chat.id)
    if queue[place : place + 1] == [chat.id]:
        del queue[place]
        if not queue:
            del account.queues[key]


def _opened(account: Account, event: Event, data: e.ConversationOpened) -> None:
    chat = account.chats[event.chat or ""]
    _leave_queue(account, chat)
    chat.status, chat.only_desk = "offered", None
    chat.desk, chat.conversation = data.desk, event.id
    chat.offered_until = data.offered_until
    desk = account.desks[data.desk]
    desk.load += 1
    desk.idle_since = event.at
    account.last_desk = data.desk


def _joined(chat: Chat, data: e.ChatJoined) -> None:
    if data.role == "owner":
        chat.status, chat.owner = "active", data.operator
        chat.offered_until, chat.passed = None, []
    else:
        chat.participants[data.operator] = data.role


def _left(chat: Chat, data: e.ChatLeft) -> None:
    if chat.owner == data.operator:
        chat.owner = None
    else:
        del chat.participants[data.operator]


def _conversation_closed(account: Account, event: Event, data: e.ConversationClosed) -> None:
    chat = account.chats[event.chat or ""]
    chat.desk = chat.conversation = chat.offered_until = None
    if data.reason == "no_answer":
        chat.passed.append(data.desk)
    desk = account.desks[data.desk]
    desk.load -= 1
    desk.idle_since = event.at


def _transferred(chat: Chat, data: e.ChatTransferred) -> None:
    to_group = data.to.kind == "group"
    chat.status = "queued"
    chat.group = data.to.id if to_group else None
    # Whoever gives a chat to a group does not get it back from there by themselves.
    chat.passed = [data.desk] if to_group else []


def _closed(account: Account, chat: Chat) -> None:
    _leave_queue(account, chat)
    del account.chats[chat.id]
    del account.visitors[chat.visitor]


def _begin_to_idle(account: Account, operator: str) -> None:
    if account.operators[operator].takes_chats:
        for desk in account.desks.values():
            if operator in desk.staff:
                desk.idle_since = account.at


def _desk_added(account: Account, event: Event, data: e.DeskAdded) -> None:
    staff = []
    if data.operator is not None:
        account.operators[data.operator].desk = event.id
        staff.append(data.operator)
    account.desks[event.id] = Desk(
        event.id, data.name, data.limit, data.groups, data.operator, staff, idle_since=event.at
    )


def _group_removed(account: Account, group: str) -> None:
    account.groups.remove(group)
    for desk in account.desks.values():
        if group in desk.groups:
            desk.groups = tuple(other for other in desk.groups if other != group)
