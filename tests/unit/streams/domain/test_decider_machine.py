"""Anybody does anything, again and again: what must hold then, holds.

Each step goes through the codec, `judge` and `fold` (tests/support/domain.py), which check the
state and that judging changed nothing. Beside them stands a ledger that knows the events alone.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Literal, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from schemas import actions as a
from schemas import codec
from schemas import events as e
from schemas.actions import Action, AnyAction
from schemas.decisions import Decision
from schemas.events import AnyEvent, Event
from schemas.refusals import REFUSALS
from schemas.values import (
    SYSTEM,
    AccountSettings,
    Actor,
    ActorKind,
    Availability,
    ParticipantRole,
    Role,
    RoutingPolicy,
    Target,
    TextContent,
)
from streams.domain.partition import Partition, fold, freeze, judge_malformed, thaw
from streams.domain.recent import RECENT_WINDOW
from streams.domain.state import Chat
from tests.support.domain import ACCOUNT, World


class Ledger:
    """What the events alone say: who is whom, where each chat is, who owns it."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = {
            kind: [] for kind in ("operator", "desk", "group", "visitor", "chat", "message")
        }
        self.conversations: dict[str, tuple[str, str]] = {}
        """Chat and desk of each open conversation."""
        self.owners: dict[str, str] = {}
        self.closed: set[str] = set()
        self.internal: set[str] = set()
        self.last_id = ""
        self.version = 0

    def take(self, event: Event) -> None:
        assert event.id > self.last_id
        assert event.version == self.version + 1
        self.last_id, self.version = event.id, event.version
        assert event.chat not in self.closed
        self._note_new(event)
        self._note_chat(event, event.chat or "")

    def _note_new(self, event: Event) -> None:
        makers: list[tuple[type, str]] = [
            (e.OperatorAdded, "operator"),
            (e.DeskAdded, "desk"),
            (e.GroupAdded, "group"),
            (e.VisitorAdded, "visitor"),
            (e.ChatRequested, "chat"),
            (e.MessagePosted, "message"),
        ]
        for kind, name in makers:
            if isinstance(event.data, kind):
                self.ids[name].append(event.id)

    def _note_chat(self, event: Event, chat: str) -> None:
        match event.data:
            case e.ConversationOpened(desk=desk):
                assert all(other != chat for other, _ in self.conversations.values())
                self.conversations[event.id] = (chat, desk)
            case e.ConversationClosed(desk=desk):
                assert self.conversations.pop(event.conversation or "") == (chat, desk)
            case e.ChatJoined(operator=operator, role="owner"):
                assert chat not in self.owners
                assert event.conversation in self.conversations
                self.owners[chat] = operator
            case e.ChatLeft(operator=operator) if self.owners.get(chat) == operator:
                del self.owners[chat]
            case e.MessagePosted(internal=True):
                assert event.audience == ("staff",)
                self.internal.add(event.id)
            case e.MessagesRead(message=message):
                assert message not in self.internal
            case e.ChatClosed():
                assert all(other != chat for other, _ in self.conversations.values())
                self.owners.pop(chat, None)
                self.closed.add(chat)
            case _:
                pass


class Turmoil:
    """An account in which anybody does anything; all chance comes from the given `Random`."""

    def __init__(self, random: Random) -> None:
        self.world = World()
        self.ledger = Ledger()
        self.actions: list[tuple[Action, Decision]] = []
        settings = AccountSettings(
            routing=random.choice(POLICIES),
            desk_limit=random.choice((1, 1, 2, 3)),
            queue_limit=random.choice((2, 100)),
        )
        self.do(SYSTEM, a.CreateAccount(name="Acme", settings=settings))
        self.do(SYSTEM, a.AddGroup(name="g"))
        team: tuple[Role, ...] = ("admin", "supervisor", "agent", "agent")
        for number, role in enumerate(team):
            self._add_operator(str(number), role, tuple(self.ledger.ids["group"][: number % 2]))
        self.do(SYSTEM, a.AddDesk(name="d", groups=tuple(self.ledger.ids["group"])))
        for operator in self.ledger.ids["operator"][1:]:
            seat = a.StaffDesk(desk=self.ledger.ids["desk"][-1], operator=operator)
            self.do(SYSTEM, seat)
        for _ in range(8):
            self.do(SYSTEM, a.AddVisitor())

    def _add_operator(self, login: str, role: Role, groups: tuple[str, ...]) -> None:
        self.do(SYSTEM, a.AddOperator(name="o", login=login, role=role, groups=groups))
        id = self.ledger.ids["operator"][-1]
        self.do(SYSTEM, a.SetAvailability(operator=id, availability="online"))

    # --- what happens --------------------------------------------------------------------

    def a_visitor_asks_for_a_chat(self, random: Random) -> None:
        visitor = random.choice(self.ledger.ids["visitor"])
        to = random.choice((None, None, self._target(random)))
        self.do(Actor(kind="visitor", id=visitor), a.RequestChat(visitor=visitor, to=to))

    def somebody_acts_in_a_chat(self, random: Random) -> None:
        """Mostly somebody who may, in a chat that is open."""
        chat = self._some(random, "chat", self.world.account.chats)
        actor = self._actor(random)
        found = self.world.account.chats.get(chat)
        if found is not None and random.random() < 0.8:
            actor = self._natural_actor(random, found)
        self.do(actor, self._chat_action(random, chat, found))

    def a_timer_fires(self, random: Random) -> None:
        offered = [(c.id, c.conversation) for c in self.world.account.chats.values()]
        chat, conversation = random.choice([*offered, ("nothing", None)])
        data = a.ExpireOffer(chat=chat, conversation=conversation or "nothing")
        self.do(random.choice((SYSTEM, SYSTEM, self._actor(random))), data)

    def somebody_changes_the_organisation(self, random: Random) -> None:
        actor = random.choice((SYSTEM, SYSTEM, self._actor(random)))
        self.do(actor, self._organisation_action(random))

    def an_operator_comes_or_goes(self, random: Random) -> None:
        id = self._some(random, "operator", self.world.account.operators)
        availability: Availability = random.choice(("online", "online", "away", "offline"))
        action = a.SetAvailability(operator=id, availability=availability)
        self.do(Actor(kind="operator", id=id), action)

    def an_action_comes_again(self, random: Random) -> None:
        if not self.actions:
            return
        action, decision = random.choice(self.actions)
        again = replace(action, id=random.choice((action.id, "again")), at=self.world.at)
        repeated = self.decide(again)
        assert repeated.events == ()
        assert repeated.repeats == decision.answer

    def a_record_cannot_be_read(self, random: Random) -> None:
        source, at = len(self.world.decisions), self.world.at
        before = freeze(self.world.partition)
        decision = judge_malformed(self.world.partition, "no", source=source, fence=0, at=at)
        assert freeze(self.world.partition) == before
        self.world.take(decision)

    def something_happens_elsewhere(self, random: Random) -> None:
        data = random.choice((a.CreateAccount(name="Other"), a.AddGroup(name="g")))
        account = random.choice(("other", "another"))
        self.world.do("system", data, account=account, id=f"elsewhere-{len(self.world.decisions)}")

    def the_clock_jumps(self, random: Random) -> None:
        ahead = random.choice((-86_400_000, -10_000, RECENT_WINDOW))
        self.world.at += ahead
        if ahead > 0:
            self.actions.clear()  # they may be forgotten now

    # --- how it is done ------------------------------------------------------------------

    def do(self, actor: Actor, data: AnyAction) -> None:
        """Have an action decided for the first time."""
        self.world.at += 1_000
        number = len(self.world.decisions)
        action = Action(
            id=f"a{number}",
            account=ACCOUNT,
            actor=actor,
            at=self.world.at,
            data=data,
            key=f"k{number}",
        )
        decision = self.decide(action)
        assert decision.repeats is None
        self.actions.append((action, decision))

    def decide(self, action: Action) -> Decision:
        decision = self.world.decide(action)
        for event in decision.events:
            self.ledger.take(event)
        return decision

    def _some(self, random: Random, kind: str, there: Iterable[str] = ()) -> str:
        """Mostly what is there; sometimes what is gone, or nothing that ever was."""
        present = list(there)
        if present and random.random() < 0.9:
            return random.choice(present)
        return random.choice([*self.ledger.ids[kind][-6:], "nothing"])

    def _target(self, random: Random) -> Target:
        account = self.world.account
        there: dict[Literal["desk", "operator", "group"], Iterable[str]] = {
            "desk": account.desks,
            "operator": account.operators,
            "group": account.groups,
        }
        kind = random.choice(list(there))
        return Target(kind=kind, id=self._some(random, kind, there[kind]))

    def _actor(self, random: Random) -> Actor:
        operators = self.world.account.operators
        kind: ActorKind = random.choice(("operator", "operator", "visitor", "bot", "system"))
        if kind == "operator":
            return Actor(kind=kind, id=self._some(random, kind, operators))
        return Actor(kind=kind, id=self._some(random, "visitor"))

    def _natural_actor(self, random: Random, chat: Chat) -> Actor:
        staff = self.world.account.desks[chat.desk].staff if chat.desk else []
        turn = random.random()
        if turn < 0.2:
            return Actor(kind="visitor", id=chat.visitor)
        operators = [chat.owner] if chat.owner and turn < 0.5 else staff
        if turn > 0.8:
            operators = list(chat.participants) or self.ledger.ids["operator"][:2]
        return Actor(kind="operator", id=random.choice(operators or ["nobody"]))

    def _chat_action(self, random: Random, chat: str, found: Chat | None) -> AnyAction:
        role: ParticipantRole = random.choice(("owner", "participant", "observer"))
        messages = [found.last_message] if found and found.last_message else []
        message = self._some(random, "message", messages)
        said = TextContent(text="Hi")
        to = self._target(random)
        desk = random.choice((None, None, to.id))
        makers: list[Callable[[], AnyAction]] = [
            lambda: a.JoinChat(chat=chat, role=role, desk=desk),
            lambda: a.JoinChat(chat=chat),
            lambda: a.LeaveChat(chat=chat),
            lambda: a.PostMessage(chat=chat, content=said, internal=random.random() < 0.3),
            lambda: a.MarkRead(chat=chat, message=message),
            lambda: a.Transfer(chat=chat, to=to),
            lambda: a.CloseChat(chat=chat),
        ]
        return random.choice(makers)()

    def _organisation_action(self, random: Random) -> AnyAction:
        account = self.world.account
        operator = self._some(random, "operator", account.operators)
        shared = [desk.id for desk in account.desks.values() if desk.operator is None]
        desk = self._some(random, "desk", random.choice((account.desks, shared)))
        group = self._some(random, "group", account.groups)
        groups = random.choice(((), (group,)))
        limit = random.choice((None, 0, 1, 3))
        role: Role = random.choice(("agent", "supervisor", "admin", "auditor"))
        actions: tuple[AnyAction, ...] = (
            a.ChangeSettings(routing=random.choice(POLICIES), desk_limit=limit),
            a.AddOperator(name="o", login=random.choice("ab"), groups=groups),
            a.ChangeOperator(operator=operator, role=role),
            a.RemoveOperator(operator=operator),
            a.SetPassword(operator=operator, hash="$"),
            a.PauseOperator(operator=operator),
            a.ActivateOperator(operator=operator),
            a.IssueToken(operator=operator, token="0" * 64, expires_at=1),
            a.RevokeToken(operator=operator),
            a.AddDesk(name="d", groups=groups),
            a.ChangeDesk(desk=desk, limit=limit, groups=random.choice((None, groups))),
            a.RemoveDesk(desk=desk),
            a.StaffDesk(desk=desk, operator=operator),
            a.StaffDesk(desk=desk, operator=operator),
            a.LeaveDesk(desk=desk, operator=operator),
            a.AddGroup(name="g"),
            a.ChangeGroup(group=group, name="g"),
            a.RemoveGroup(group=group),
            a.ChangeVisitor(visitor=self._some(random, "visitor"), name="v"),
            a.CreateAccount(name="again"),
        )
        return random.choice(actions)

    # --- what holds ----------------------------------------------------------------------

    def check(self) -> None:
        """The state agrees with the ledger, and a snapshot gives it back."""
        account = self.world.account
        chats = account.chats
        assert account.version == self.ledger.version
        assert set(chats) == set(self.ledger.ids["chat"]) - self.ledger.closed
        assert self.ledger.owners == {c.id: c.owner for c in chats.values() if c.owner}
        assert self.ledger.conversations == {
            c.conversation: (c.id, c.desk) for c in chats.values() if c.conversation
        }
        assert thaw(freeze(self.world.partition)) == self.world.partition

    def check_replay(self) -> None:
        """All decisions, folded from scratch, give the same state."""
        partition = Partition()
        for decision in self.world.decisions:
            fold(partition, decision, codec.encode(decision))
        assert partition == self.world.partition


POLICIES: tuple[RoutingPolicy, ...] = ("least_loaded", "round_robin", "longest_idle", "manual")
randoms = st.randoms(use_true_random=False)


class DeciderMachine(RuleBasedStateMachine):
    """The turmoil, with Hypothesis to bring it about and to boil it down."""

    @initialize(random=randoms)
    def an_account_begins(self, random: Random) -> None:
        self.turmoil = Turmoil(random)

    @rule(random=randoms, count=st.integers(1, 3))
    def visitors_ask_for_chats(self, random: Random, count: int) -> None:
        for _ in range(count):
            self.turmoil.a_visitor_asks_for_a_chat(random)

    @rule(random=randoms, count=st.integers(1, 5))
    def people_act_in_chats(self, random: Random, count: int) -> None:
        for _ in range(count):
            self.turmoil.somebody_acts_in_a_chat(random)

    @rule(random=randoms)
    def a_timer_fires(self, random: Random) -> None:
        self.turmoil.a_timer_fires(random)

    @rule(random=randoms)
    def somebody_changes_the_organisation(self, random: Random) -> None:
        self.turmoil.somebody_changes_the_organisation(random)

    @rule(random=randoms)
    def an_operator_comes_or_goes(self, random: Random) -> None:
        self.turmoil.an_operator_comes_or_goes(random)

    @rule(random=randoms)
    def an_action_comes_again(self, random: Random) -> None:
        self.turmoil.an_action_comes_again(random)

    @rule(random=randoms)
    def something_else_happens(self, random: Random) -> None:
        turmoil = self.turmoil
        turmoil.a_record_cannot_be_read(random)
        turmoil.something_happens_elsewhere(random)
        turmoil.the_clock_jumps(random)

    @invariant()
    def what_must_hold_holds(self) -> None:
        if hasattr(self, "turmoil"):
            self.turmoil.check()

    def teardown(self) -> None:
        if hasattr(self, "turmoil"):
            self.turmoil.check_replay()


DeciderMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_whatever_anybody_does = DeciderMachine.TestCase


def long_turmoil(seed: int) -> Turmoil:
    """A long day, drawn without Hypothesis: it comes to more, but boils nothing down."""
    random = Random(seed)
    turmoil = Turmoil(random)
    steps = (
        [turmoil.a_visitor_asks_for_a_chat] * 6
        + [turmoil.somebody_acts_in_a_chat] * 20
        + [turmoil.somebody_changes_the_organisation] * 5
        + [turmoil.a_timer_fires, turmoil.an_operator_comes_or_goes] * 3
        + [turmoil.an_action_comes_again, turmoil.something_happens_elsewhere]
        + [turmoil.a_record_cannot_be_read, turmoil.the_clock_jumps]
    )
    for _ in range(150):
        random.choice(steps)(random)
        turmoil.check()
    turmoil.check_replay()
    return turmoil


def test_whatever_anybody_does_on_long_days() -> None:
    happened: set[str] = set()
    for seed in range(60):
        for decision in long_turmoil(seed).world.decisions:
            happened |= {type(event.data).__name__ for event in decision.events}
            if decision.refused is not None:
                happened.add(decision.refused.code)
    missing = {kind.__name__ for kind in get_args(AnyEvent)}.union(REFUSALS) - happened
    assert len(missing) <= 2  # the days are long enough for the rare ones, too
