"""What a client does: takes a snapshot, then applies the events that it is sent.

The reference for every client: the state that results must equal a fresh snapshot, but for
`version` and `id`, which go on at the next `caught_up` or heartbeat if the client was not sent the
newest event. Written apart from the projections on purpose, so that each checks the other.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar, overload

from msgspec.structs import replace

from schemas import events as e
from schemas.events import Event
from schemas.views import (
    ChatView,
    DeskView,
    GroupView,
    MessageView,
    OperatorView,
    ParticipantView,
    ReadMark,
    StaffState,
    VisitorState,
    VisitorView,
)

MESSAGES = 100
"""Messages that a visitor's client keeps."""


_S = TypeVar("_S", bound=StaffState | VisitorState)


class _View(Protocol):
    @property
    def id(self) -> str: ...


_V = TypeVar("_V", bound=_View)


@overload
def apply(state: StaffState, event: Event) -> StaffState: ...
@overload
def apply(state: VisitorState, event: Event) -> VisitorState: ...
def apply(state: StaffState | VisitorState, event: Event) -> StaffState | VisitorState:
    """The state after one event that its holder was sent; `audience` is not looked at.

    Events that the state has already change nothing.
    """
    if event.id <= state.id:
        return state
    chats = tuple(chat for chat in _chats(state.chats, event) if chat.status != "closed")
    if isinstance(state, VisitorState):
        messages = _messages(state.messages, event)
        return replace(
            state,
            version=event.version,
            id=event.id,
            visitor=_visitor(state.visitor, event),
            chats=chats,
            messages=messages,
        )
    account = state.account
    if isinstance(event.data, e.SettingsChanged):
        account = replace(account, settings=event.data.settings)
    return replace(
        state,
        version=event.version,
        id=event.id,
        account=account,
        operators=_operators(state.operators, event),
        desks=_desks(state.desks, event),
        groups=_groups(state.groups, event),
        chats=chats,
    )


def caught_up(state: _S, id: str, version: int) -> _S:
    """The state after a `caught_up` frame: nothing that the client may see is missing."""
    return replace(state, id=id, version=version)


# --- one list after another ----------------------------------------------------------------


def _operators(views: tuple[OperatorView, ...], event: Event) -> tuple[OperatorView, ...]:
    match event.data:
        case e.OperatorAdded(name=name, login=login, role=role):
            return (*views, OperatorView(id=event.id, name=name, login=login, role=role, desk=""))
        case e.OperatorChanged(operator=id, name=name, role=role):
            return _update(views, id, lambda view: replace(view, name=name, role=role))
        case e.OperatorRemoved(operator=id):
            return _without(views, id)
        case e.AvailabilityChanged(operator=id, availability=availability):
            return _update(views, id, lambda view: replace(view, availability=availability))
        case e.OperatorPaused(operator=id):
            return _update(views, id, lambda view: replace(view, paused=True))
        case e.OperatorActivated(operator=id):
            return _update(views, id, lambda view: replace(view, paused=False))
        case e.DeskAdded(operator=str(id)):
            return _update(views, id, lambda view: replace(view, desk=event.id))
        case _:
            return views


def _desks(views: tuple[DeskView, ...], event: Event) -> tuple[DeskView, ...]:
    match event.data:
        case e.DeskAdded() as data:
            return (*views, _new_desk(event.id, data))
        case e.DeskChanged(desk=id) as data:
            return _update(
                views,
                id,
                lambda view: replace(view, name=data.name, limit=data.limit, groups=data.groups),
            )
        case e.DeskRemoved(desk=id):
            return _without(views, id)
        case e.DeskStaffed(desk=id, operator=operator):
            return _update(views, id, lambda view: replace(view, staff=(*view.staff, operator)))
        case e.DeskLeft(desk=id, operator=operator):
            return _update(views, id, lambda view: replace(view, staff=_less(view.staff, operator)))
        case e.GroupRemoved(group=group):
            return tuple(replace(view, groups=_less(view.groups, group)) for view in views)
        case e.ConversationOpened(desk=id):
            return _update(views, id, lambda view: replace(view, load=view.load + 1))
        case e.ConversationClosed(desk=id):
            return _update(views, id, lambda view: replace(view, load=view.load - 1))
        case _:
            return views


def _new_desk(id: str, data: e.DeskAdded) -> DeskView:
    staff = () if data.operator is None else (data.operator,)
    return DeskView(
        id=id,
        name=data.name,
        limit=data.limit,
        groups=data.groups,
        operator=data.operator,
        staff=staff,
    )


def _groups(views: tuple[GroupView, ...], event: Event) -> tuple[GroupView, ...]:
    match event.data:
        case e.GroupAdded(name=name):
            return (*views, GroupView(id=event.id, name=name))
        case e.GroupChanged(group=id, name=name):
            return _update(views, id, lambda view: replace(view, name=name))
        case e.GroupRemoved(group=id):
            return _without(views, id)
        case _:
            return views


def _visitor(view: VisitorView, event: Event) -> VisitorView:
    data = event.data
    if isinstance(data, e.VisitorChanged) and data.visitor == view.id:
        return replace(view, name=data.name or view.name, email=data.email or view.email)
    return view


def _messages(views: tuple[MessageView, ...], event: Event) -> tuple[MessageView, ...]:
    match event.data:
        case e.MessagePosted(content=content, internal=internal):
            assert event.chat is not None
            view = MessageView(
                id=event.id,
                chat=event.chat,
                at=event.at,
                actor=event.actor,
                content=content,
                internal=internal,
            )
            return (*views, view)[-MESSAGES:]
        case e.ChatClosed():
            return tuple(view for view in views if view.chat != event.chat)
        case _:
            return views


def _chats(views: tuple[ChatView, ...], event: Event) -> tuple[ChatView, ...]:
    data = event.data
    if isinstance(data, e.ChatRequested):
        chat = ChatView(
            id=event.id,
            visitor=data.visitor,
            status="queued",
            requested_at=event.at,
            subject=data.subject,
        )
        return (*views, chat)
    if event.chat is None:
        return views
    return _update(views, event.chat, lambda chat: _chat(chat, event))


def _chat(chat: ChatView, event: Event) -> ChatView:
    match event.data:
        case e.ChatQueued(group=group):
            return replace(
                chat, status="queued", group=group, desk=None, conversation=None, offered_until=None
            )
        case e.ConversationOpened(desk=desk, offered_until=until):
            return replace(
                chat,
                status="offered",
                group=None,
                desk=desk,
                conversation=event.id,
                offered_until=until,
            )
        case e.ConversationClosed(reason="transferred" | "no_answer"):
            return replace(chat, desk=None, conversation=None, offered_until=None)
        case e.ChatJoined(operator=operator, role=role):
            participant = ParticipantView(operator=operator, role=role)
            chat = replace(chat, participants=(*_others(chat, operator), participant))
            if role == "owner":
                return replace(chat, status="active", owner=operator, offered_until=None)
            return chat
        case e.ChatLeft(operator=operator):
            owner = None if operator == chat.owner else chat.owner
            return replace(chat, participants=_others(chat, operator), owner=owner)
        case e.MessagePosted(internal=False):
            return replace(chat, messages=chat.messages + 1, last_message=event.id)
        case e.MessagesRead(message=message):
            reader = f"{event.actor.kind}:{event.actor.id}"
            rest = tuple(mark for mark in chat.reads if mark.reader != reader)
            return replace(chat, reads=(*rest, ReadMark(reader=reader, message=message)))
        case e.ChatClosed():
            return replace(chat, status="closed")
        case _:
            return chat


def _others(chat: ChatView, operator: str) -> tuple[ParticipantView, ...]:
    return tuple(view for view in chat.participants if view.operator != operator)


# --- lists in the order of their ids ---------------------------------------------------------


def _update(views: tuple[_V, ...], id: str, change: Callable[[_V], _V]) -> tuple[_V, ...]:
    return tuple(change(view) if view.id == id else view for view in views)


def _without(views: tuple[_V, ...], id: str) -> tuple[_V, ...]:
    return tuple(view for view in views if view.id != id)


def _less(names: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(name for name in names if name != gone)
