"""The grammar of the domain's tests: given(what happened).when(somebody acts).then(events).

Things have names: `desk("sales")` is made once, under an id that the names stand for from then
on. Every step goes through the codec, judge and fold, and after each the state's invariants are
checked, and that judging changed nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas import actions as a
from schemas import codec
from schemas import events as e
from schemas.actions import Action, AnyAction
from schemas.decisions import Decision, Routing
from schemas.events import AnyEvent, Event
from schemas.ids import event_id
from schemas.values import (
    SYSTEM,
    AccountSettings,
    Actor,
    ActorKind,
    Availability,
    ParticipantRole,
    Role,
    Target,
    TextContent,
)
from streams.domain.draft import SERVED_AT_ONCE
from streams.domain.partition import Partition, fold, freeze, judge
from streams.domain.seats import Seats
from streams.domain.state import Account

ACCOUNT = "acme"
START = 1_700_000_000_000
"""The time of the first action (ms); each later one comes a second after the one before."""


class World:
    """A partition with names for what was made in it."""

    def __init__(self) -> None:
        self.partition = Partition()
        self.ids: dict[str, str] = {}
        self.kinds: dict[str, ActorKind] = {}
        self.at = START
        self.serving = SERVED_AT_ONCE
        self.decisions: list[Decision] = []

    @property
    def account(self) -> Account:
        """The account in which everything happens."""
        return self.partition.accounts[ACCOUNT]

    def id(self, name: str) -> str:
        """The id behind a name; an unknown name stands for itself."""
        return self.ids.get(name, name)

    def named(self, value: Any) -> Any:
        """The id, or ids, if `value` is a name or a tuple of names."""
        if type(value) is tuple:
            return tuple(map(self.named, value))
        return self.id(value) if type(value) is str else value

    def actor(self, name: str) -> Actor:
        """Who acts under a name: `system`, an operator, a visitor, or a bot."""
        if name == "system":
            return SYSTEM
        return Actor(kind=self.kinds.get(name, "bot"), id=self.id(name))

    def do(self, by: str, data: AnyAction, **envelope: Any) -> Decision:
        """Have an action decided and folded, by way of their bytes."""
        self.at += 1_000
        fields = {"id": f"action-{len(self.decisions)}", "account": ACCOUNT, "at": self.at}
        action = Action(**{**fields, "actor": self.actor(by), "data": data, **envelope})
        return self.decide(action)

    def decide(self, action: Action) -> Decision:
        """Have an action as it stands decided and folded."""
        action = codec.decode_action(codec.encode(action))
        before = freeze(self.partition)
        source, serving = len(self.decisions), self.serving
        decision = judge(self.partition, action, source=source, fence=0, serving=serving)
        assert freeze(self.partition) == before
        self.take(decision)
        return decision

    def take(self, decision: Decision) -> None:
        """Fold a decision."""
        raw = codec.encode(decision)
        read = codec.decode_event_record(raw)
        assert read == decision
        fold(self.partition, decision, raw)
        self.decisions.append(decision)
        check_decision(self.partition, decision)
        check_state(self.partition)


def check_decision(partition: Partition, decision: Decision) -> None:
    """What holds of every decision, right after it was folded."""
    account = partition.accounts.get(decision.account)
    events = decision.events
    if account is None:
        assert decision.refused is not None
        return
    assert decision.version == account.version
    assert [event.version for event in events] == [
        account.version - len(events) + count for count in range(1, len(events) + 1)
    ]
    for event in events:
        assert event.id == event_id(decision.at, event.version)
        if isinstance(event.data, e.ConversationOpened):
            desk = account.desks[event.data.desk]
            assert desk.load <= Seats(account, 0).limit(desk)


def check_state(partition: Partition) -> None:
    """What holds of every state."""
    for account in partition.accounts.values():
        _check_chats(account)
        _check_queues(account)


def _check_chats(account: Account) -> None:
    loads = dict.fromkeys(account.desks, 0)
    for chat in account.chats.values():
        assert account.visitors[chat.visitor] == chat.id
        assert (chat.owner is not None) == (chat.status == "active")
        assert (chat.desk is not None) == (chat.status != "queued") == bool(chat.conversation)
        assert chat.offered_until is None or chat.status == "offered"
        assert chat.owner not in chat.participants
        assert not chat.participants or chat.status == "active"
        assert chat.group is None or chat.group in account.groups
        if chat.desk is not None:
            loads[chat.desk] += 1
        if chat.owner is not None:
            assert account.operators[chat.owner].role != "auditor"
    assert loads == {desk.id: desk.load for desk in account.desks.values()}
    assert len(account.visitors) == len(account.chats)
    for desk in account.desks.values():
        assert set(desk.groups) <= set(account.groups)
        assert set(desk.staff) <= set(account.operators)
    assert list(account.desks) == sorted(account.desks)


def _check_queues(account: Account) -> None:
    queued = sorted(chat.id for chat in account.chats.values() if chat.status == "queued")
    assert sorted(id for queue in account.queues.values() for id in queue) == queued
    seats = Seats(account, account.at)
    for key, queue in account.queues.items():
        assert queue
        assert queue == sorted(queue)
        for id in queue:
            chat = account.chats[id]
            assert chat.wish.queue == key
            if account.settings.routing != "manual":
                assert not seats.free(chat.wish, chat.passed), "somebody waits beside a free seat"


Step = Callable[[World], None]


@dataclass(frozen=True)
class Act:
    """Somebody's action; as a step, it must be accepted. `named` names what it makes."""

    by: str
    data: Callable[[World], AnyAction]
    named: str | None = None
    envelope: Mapping[str, Any] = field(default_factory=dict)

    def decide(self, world: World) -> Decision:
        """What becomes of it."""
        decision = world.do(self.by, self.data(world), **self.envelope)
        if self.named is not None and decision.events:
            world.ids[self.named] = decision.events[0].id
        return decision

    def __call__(self, world: World) -> None:
        decision = self.decide(world)
        assert decision.refused is None, decision.refused

    def sent(self, **envelope: Any) -> "Act":
        """The same action with other fields of the envelope: id, key, at, account …"""
        return Act(self.by, self.data, self.named, {**self.envelope, **envelope})


@dataclass(frozen=True)
class Expected:
    """An event that is to come: its kind, and the fields that matter."""

    kind: type[AnyEvent]
    fields: Mapping[str, Any]
    chat: str | None = None

    def matches(self, event: Event, world: World) -> bool:
        """Whether it is this event."""
        return (
            isinstance(event.data, self.kind)
            and (self.chat is None or event.chat == world.id(self.chat))
            and all(
                getattr(event.data, name) in (value, world.named(value))
                for name, value in self.fields.items()
            )
        )


class Given:
    """What has happened."""

    def __init__(self, *steps: Step) -> None:
        self.world = World()
        account()(self.world)
        for step in steps:
            step(self.world)

    def when(self, act: Act) -> "Then":
        """Somebody acts."""
        return Then(self.world, act.decide(self.world))


class Then:
    """What came of an action."""

    def __init__(self, world: World, decision: Decision) -> None:
        self.world = world
        self.decision = decision

    @property
    def account(self) -> Account:
        """The account afterwards."""
        return self.world.account

    @property
    def why(self) -> tuple[Routing, ...]:
        """How it was routed."""
        return self.decision.why

    def then(self, *expected: Expected) -> "Then":
        """Exactly these events, in this order."""
        assert self.decision.refused is None, self.decision.refused
        events = self.decision.events
        assert [type(event.data) for event in events] == [one.kind for one in expected]
        for event, one in zip(events, expected, strict=True):
            assert one.matches(event, self.world), f"{event} is not {one}"
        return self

    def then_nothing(self) -> "Then":
        """Accepted, but nothing changed."""
        assert self.decision.answer.id is None
        return self.then()

    def then_refused(self, code: str) -> "Then":
        """Refused, with this code."""
        assert self.decision.refused is not None, self.decision.events
        assert self.decision.refused.code == code
        return self

    def and_when(self, act: Act) -> "Then":
        """Then somebody acts again."""
        return Then(self.world, act.decide(self.world))


given = Given


# --- what has happened ---------------------------------------------------------------------


def account(**settings: Any) -> Step:
    """The account, made or changed."""

    def step(world: World) -> None:
        if ACCOUNT not in world.partition.accounts:
            made = a.CreateAccount(name="Acme", settings=AccountSettings(**settings))
            assert world.do("system", made).refused is None
        else:
            assert world.do("system", a.ChangeSettings(**settings)).refused is None

    return step


def operator(
    name: str,
    role: Role = "agent",
    *,
    availability: Availability = "online",
    limit: int | None = None,
    groups: tuple[str, ...] = (),
) -> Step:
    """An operator; the personal desk is named `NAME's desk`."""

    def step(world: World) -> None:
        if name in world.ids:
            return
        for one in groups:
            group(one)(world)
        ids = tuple(world.id(one) for one in groups)
        data = a.AddOperator(name=name, login=name, role=role, desk_limit=limit, groups=ids)
        made = world.do("system", data)
        world.ids[name], world.ids[f"{name}'s desk"] = (event.id for event in made.events)
        world.kinds[name] = "operator"
        if availability != "offline":
            set_availability(name, availability, by="system")(world)

    return step


def desk(
    name: str,
    *,
    limit: int | None = None,
    staff: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
) -> Step:
    """A shared desk, with its operators."""

    def step(world: World) -> None:
        for one in groups:
            group(one)(world)
        if name not in world.ids:
            add_desk(name, limit=limit, groups=groups)(world)
        for one in staff:
            operator(one)(world)
            staff_desk(name, one)(world)

    return step


def _attended(name: str, operator: str) -> Step:
    return desk(name, staff=(operator,))


def group(name: str) -> Step:
    """A group."""

    def step(world: World) -> None:
        if name not in world.ids:
            add_group(name)(world)

    return step


def visitor(name: str) -> Step:
    """A visitor."""

    def step(world: World) -> None:
        if name not in world.ids:
            world.ids[name] = world.do("system", a.AddVisitor(name=name)).events[0].id
            world.kinds[name] = "visitor"

    return step


def offered_chat(name: str, *, desk: str, operator: str = "ana") -> Step:
    """A chat, offered to a desk where the operator sits; its visitor is `NAME's visitor`."""

    def step(world: World) -> None:
        if not desk.endswith("'s desk"):
            _attended(desk, operator)(world)
        chat_request(name, to_desk=desk)(world)
        assert world.account.chats[world.id(name)].status == "offered"

    return step


def open_chat(name: str, *, desk: str, owner: str = "ana") -> Step:
    """An active chat at a desk, with its owner; its visitor is `NAME's visitor`."""

    def step(world: World) -> None:
        offered_chat(name, desk=desk, operator=owner)(world)
        join_chat(name, by=owner)(world)

    return step


def chat_request(name: str, **to: str) -> Step:
    """A visitor, `NAME's visitor`, asked for a chat."""

    def step(world: World) -> None:
        visitor(f"{name}'s visitor")(world)
        request_chat(f"{name}'s visitor", named=name, **to)(world)

    return step


# --- who acts ------------------------------------------------------------------------------


def act(by: str, data: AnyAction, named: str | None = None) -> Act:
    """Any action; ids in it stand as they are."""
    return Act(by, lambda world: data, named)


def _target(world: World, to: Mapping[str, str]) -> Target | None:
    for name, value in to.items():
        kind: Literal["desk", "operator", "group"]
        kind = "desk" if name == "to_desk" else "operator" if name == "to_operator" else "group"
        return Target(kind=kind, id=world.id(value))
    return None


def request_chat(visitor: str, *, by: str = "", named: str | None = None, **to: str) -> Act:
    """`to_desk`, `to_operator`, `to_group`: with whom."""
    return Act(
        by or visitor,
        lambda world: a.RequestChat(visitor=world.id(visitor), to=_target(world, to)),
        named,
    )


def join_chat(
    chat: str, *, by: str, role: ParticipantRole = "owner", desk: str | None = None
) -> Act:
    """An operator comes in."""
    return Act(
        by,
        lambda world: a.JoinChat(
            chat=world.id(chat), role=role, desk=None if desk is None else world.id(desk)
        ),
    )


def leave_chat(chat: str, *, by: str) -> Act:
    """An operator goes."""
    return Act(by, lambda world: a.LeaveChat(chat=world.id(chat)))


def post_message(
    chat: str, text: str = "Hello", *, by: str, internal: bool = False, named: str | None = None
) -> Act:
    """Somebody says something."""
    content = TextContent(text=text)
    return Act(
        by,
        lambda world: a.PostMessage(chat=world.id(chat), content=content, internal=internal),
        named,
    )


def mark_read(chat: str, message: str, *, by: str) -> Act:
    """Somebody has read so far."""
    return Act(by, lambda world: a.MarkRead(chat=world.id(chat), message=world.id(message)))


def transfer(chat: str, *, by: str, **to: str) -> Act:
    """`to_desk`, `to_operator`, `to_group`: where the chat goes."""

    def data(world: World) -> AnyAction:
        target = _target(world, to)
        assert target is not None
        return a.Transfer(chat=world.id(chat), to=target)

    return Act(by, data)


def close_chat(chat: str, *, by: str) -> Act:
    """Somebody ends a chat."""
    return Act(by, lambda world: a.CloseChat(chat=world.id(chat)))


def expire_offer(chat: str, *, by: str = "system") -> Act:
    """The timer of the chat's conversation fires."""

    def data(world: World) -> AnyAction:
        found = world.account.chats.get(world.id(chat))
        conversation = found.conversation if found is not None else None
        return a.ExpireOffer(chat=world.id(chat), conversation=conversation or "none")

    return Act(by, data)


def set_availability(operator: str, availability: Availability, *, by: str = "") -> Act:
    """An operator comes, or goes."""
    return Act(
        by or operator,
        lambda world: a.SetAvailability(operator=world.id(operator), availability=availability),
    )


def pause(operator: str, *, by: str = "") -> Act:
    """An operator takes no new chats."""
    return Act(by or operator, lambda world: a.PauseOperator(operator=world.id(operator)))


def activate(operator: str, *, by: str = "") -> Act:
    """An operator takes new chats again."""
    return Act(by or operator, lambda world: a.ActivateOperator(operator=world.id(operator)))


def change_settings(*, by: str = "system", **settings: Any) -> Act:
    """The account's settings change."""
    return act(by, a.ChangeSettings(**settings))


def add_operator(
    name: str, *, by: str = "system", groups: tuple[str, ...] = (), **fields: Any
) -> Act:
    """An operator is added."""
    return Act(
        by,
        lambda world: a.AddOperator(
            **{"name": name, "login": name, **fields}, groups=tuple(map(world.id, groups))
        ),
        name,
    )


def change_operator(operator: str, *, by: str = "system", **fields: Any) -> Act:
    """An operator's name or role changes."""
    return Act(by, lambda world: a.ChangeOperator(operator=world.id(operator), **fields))


def remove_operator(operator: str, *, by: str = "system") -> Act:
    """An operator is removed."""
    return Act(by, lambda world: a.RemoveOperator(operator=world.id(operator)))


def add_desk(
    name: str, *, by: str = "system", limit: int | None = None, groups: tuple[str, ...] = ()
) -> Act:
    """A shared desk is added."""
    return Act(
        by,
        lambda world: a.AddDesk(name=name, limit=limit, groups=tuple(map(world.id, groups))),
        name,
    )


def change_desk(
    desk: str, *, by: str = "system", groups: tuple[str, ...] | None = None, **fields: Any
) -> Act:
    """A desk's name, limit or groups change."""
    return Act(
        by,
        lambda world: a.ChangeDesk(
            desk=world.id(desk),
            groups=None if groups is None else tuple(map(world.id, groups)),
            **fields,
        ),
    )


def remove_desk(desk: str, *, by: str = "system") -> Act:
    """A shared desk is removed."""
    return Act(by, lambda world: a.RemoveDesk(desk=world.id(desk)))


def staff_desk(desk: str, operator: str, *, by: str = "system") -> Act:
    """An operator is seated at a shared desk."""
    return Act(by, lambda world: a.StaffDesk(desk=world.id(desk), operator=world.id(operator)))


def leave_desk(desk: str, operator: str, *, by: str = "system") -> Act:
    """An operator is taken away from a shared desk."""
    return Act(by, lambda world: a.LeaveDesk(desk=world.id(desk), operator=world.id(operator)))


def add_group(name: str, *, by: str = "system") -> Act:
    """A group is added."""
    return act(by, a.AddGroup(name=name), name)


def remove_group(group: str, *, by: str = "system") -> Act:
    """A group is removed."""
    return Act(by, lambda world: a.RemoveGroup(group=world.id(group)))


# --- what comes of it ----------------------------------------------------------------------


def event(kind: type[AnyEvent], chat: str | None = None, **fields: Any) -> Expected:
    """Any event, by those of its fields that matter."""
    return Expected(kind, fields, chat)


def conversation_opened(chat: str | None = None, **fields: Any) -> Expected:
    """A desk's leg of a chat begins."""
    return event(e.ConversationOpened, chat, **fields)


def conversation_closed(chat: str | None = None, **fields: Any) -> Expected:
    """A desk's leg of a chat ends."""
    return event(e.ConversationClosed, chat, **fields)


def chat_queued(chat: str | None = None, **fields: Any) -> Expected:
    """A chat waits."""
    return event(e.ChatQueued, chat, **fields)


def chat_joined(chat: str | None = None, **fields: Any) -> Expected:
    """An operator came in."""
    return event(e.ChatJoined, chat, **fields)


def chat_left(chat: str | None = None, **fields: Any) -> Expected:
    """An operator went."""
    return event(e.ChatLeft, chat, **fields)


def chat_transferred(chat: str | None = None, **fields: Any) -> Expected:
    """A chat goes elsewhere."""
    return event(e.ChatTransferred, chat, **fields)
