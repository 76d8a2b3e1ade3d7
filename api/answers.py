"""Answers that are the API's own: pages, tokens, who I am."""

from msgspec import field

from schemas.events import AnyEvent
from schemas.record import Record
from schemas.values import Actor, ActorKind, ChatStatus
from schemas.views import (
    AccountView,
    ChatView,
    DeskView,
    GroupView,
    MessageView,
    OperatorView,
    View,
    VisitorView,
)


class Written(View):
    """A write that is durable. `id` is what it made, `version` the account's version with it."""

    version: int
    id: str | None = None


class LoginAnswer(View):
    """An operator's new token; `expires_at` in ms since 1970."""

    token: str
    expires_at: int
    operator: OperatorView


class VisitorAnswer(View):
    """A visitor with a token; `expires_at` in ms since 1970."""

    visitor: VisitorView
    token: str
    expires_at: int


class VisitorTokenAnswer(View):
    """A visitor's new token; `expires_at` in ms since 1970."""

    token: str
    expires_at: int


class TokenView(View):
    """A token of an operator. `id` is its SHA-256; times are ms since 1970."""

    id: str
    operator: str
    issued_at: int
    expires_at: int
    current: bool = False
    """Whether it is the token of this very request."""


class TokenList(View):
    """An operator's valid tokens, oldest first."""

    items: tuple[TokenView, ...] = ()


class MeView(View):
    """Who the token stands for: an operator or a visitor of an account."""

    kind: ActorKind
    account: str
    operator: OperatorView | None = None
    visitor: VisitorView | None = None


class NewAccountAnswer(View):
    """An account that was made, and its first admin's login."""

    account: AccountView
    login: str


class PositionView(View):
    """A chat's place in its queue, 1 for the next one served; none when it does not wait."""

    chat: str
    status: ChatStatus
    position: int | None = None


class MessagePostedAnswer(View):
    """A message that is durable: its id, the account's version with it, its time in ms."""

    id: str
    version: int
    at: int


class EventView(Record):
    """An event as its viewer sees it. `at` is ms since 1970."""

    id: str
    version: int
    at: int
    actor: Actor
    data: AnyEvent
    chat: str | None = None
    conversation: str | None = None


class ChatPage(View):
    """Chats; `next` is the cursor of the page after, missing on the last."""

    items: tuple[ChatView, ...]
    next: str | None = None


class MessagePage(View):
    """Messages; `next` is the cursor of the page after, missing on the last."""

    items: tuple[MessageView, ...]
    next: str | None = None


class OperatorPage(View):
    """Operators; `next` is the cursor of the page after, missing on the last."""

    items: tuple[OperatorView, ...]
    next: str | None = None


class DeskPage(View):
    """Desks; `next` is the cursor of the page after, missing on the last."""

    items: tuple[DeskView, ...]
    next: str | None = None


class GroupPage(View):
    """Groups; `next` is the cursor of the page after, missing on the last."""

    items: tuple[GroupView, ...]
    next: str | None = None


class VisitorPage(View):
    """Visitors; `next` is the cursor of the page after, missing on the last."""

    items: tuple[VisitorView, ...]
    next: str | None = None


class EventPage(View):
    """Events in order; go on with `after` = `next`, which is missing when these are the newest."""

    items: tuple[EventView, ...]
    version: int
    """The newest version that was looked at."""
    next: str | None = None


class PartView(View):
    """How one part of the service is."""

    ok: bool
    detail: str = ""


class HealthView(View):
    """How the service is, part by part."""

    ok: bool
    parts: dict[str, PartView] = field(default_factory=dict)


class ProblemView(View):
    """What a problem's code means."""

    code: str
    status: int
    title: str


class RebuildView(View):
    """A build of the projections: records taken up, of how many; `running` until it is read."""

    running: bool
    done: int
    total: int
