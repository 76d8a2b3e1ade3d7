"""A small day by hand: a good log of two accounts, and the clients who lived through it.

It uses none of the domain's code, so that the checker's tests stand on their own feet.
"""

from collections import defaultdict

import msgspec

from schemas import codec, events
from schemas.decisions import Answer, Decision
from schemas.events import AnyEvent, Event
from schemas.ids import event_id
from schemas.refusals import Refusal
from schemas.values import SYSTEM, AccountSettings, Actor, Audience, TextContent
from simulator.checker import Checker
from simulator.faults import Verdict
from simulator.history import ClientHistory, FrameNote, FrameTape, History
from streams.domain.access import Viewer

START = 1_700_000_000_000
STAFF: Audience = ("staff",)


class Part:
    """What an event is made of, but for what its place on the log gives it."""

    def __init__(
        self, data: AnyEvent, audience: Audience, *, chat: str | None = None, opens: bool = False
    ) -> None:
        self.data, self.audience, self.chat, self.opens = data, audience, chat, opens


class Day:
    """Writes decisions by hand and keeps the clients' histories beside them."""

    def __init__(self) -> None:
        self.log: list[Decision] = []
        self.history = History()
        self.versions: defaultdict[str, int] = defaultdict(int)
        self._watching: dict[str, tuple[ClientHistory, Audience]] = {}
        self._held: dict[str, str | None] = {}
        self._conversations: dict[str, str] = {}

    # --- clients -----------------------------------------------------------------------

    def watch(self, name: str, viewer: Viewer) -> ClientHistory:
        """A client comes and follows from the account's newest event."""
        client = self.history.client(name, viewer)
        entries = (
            (f"visitor:{viewer.id}",)
            if viewer.kind == "visitor"
            else ("staff", f"operator:{viewer.id}")
        )
        self._watching[name] = (client, entries)
        self.resume(name, None)
        return client

    def resume(self, name: str, after: str | None) -> None:
        """The client's stream opens (again), and everything missed comes."""
        client, entries = self._watching[name]
        client.opened("sse", after)
        self._held[name] = after
        if after is not None:
            for event in self.events(client.viewer.account):
                if event.id > after and set(event.audience) & set(entries):
                    self._deliver(name, event)
        newest = [event.id for event in self.events(client.viewer.account)][-1]
        client.caught_up(newest)
        self._held[name] = newest

    def drop(self, name: str) -> str | None:
        """The client's stream breaks. Returns what it resumes from."""
        self._watching[name][0].ended("lost")
        held, self._held[name] = self._held[name], None
        return held

    def _deliver(self, name: str, event: Event) -> None:
        self._watching[name][0].event(event, self._held[name])
        self._held[name] = event.id

    def leave(self, name: str) -> None:
        """The client goes for good: what happens from now on does not reach it."""
        self._watching.pop(name)[0].ended("left")

    # --- decisions ---------------------------------------------------------------------

    def decide(
        self, account: str, actor: Actor, parts: list[Part], *, key: str | None = None
    ) -> Answer:
        """Decide an action with these events, and send them to whoever may see them."""
        made = tuple(self._event(account, actor, part) for part in parts)
        decision = self._decision(account, actor, key, made)
        for name, (client, entries) in self._watching.items():
            for event in made:
                sees = set(event.audience) & set(entries)
                if client.viewer.account == account and sees and self._held[name] is not None:
                    self._deliver(name, event)
        return decision.answer

    def refuse(self, account: str, actor: Actor, code: str, *, key: str) -> Answer:
        """Decide against an action."""
        refusal = Refusal(code=code, detail="No.")
        decision = self._decision(account, actor, key, ())
        self.alter(-1, refused=refusal)
        return msgspec.structs.replace(decision, refused=refusal).answer

    def repeat(self, account: str, actor: Actor, first: Answer, *, key: str) -> Answer:
        """Decide about an action that was decided before."""
        self._decision(account, actor, key, ())
        self.alter(-1, repeats=first)
        return first

    def _event(self, account: str, actor: Actor, part: Part) -> Event:
        self.versions[account] += 1
        version = self.versions[account]
        id = event_id(START + version, version)
        chat = id if part.chat == "new" else part.chat
        if chat is not None and part.opens:
            self._conversations[chat] = id
        return Event(
            id=id,
            version=version,
            at=START + version,
            actor=actor,
            audience=part.audience,
            data=part.data,
            chat=chat,
            conversation=self._conversations.get(chat or ""),
        )

    def _decision(
        self, account: str, actor: Actor, key: str | None, made: tuple[Event, ...]
    ) -> Decision:
        decision = Decision(
            account=account,
            action=f"a-{len(self.log)}",
            actor=actor,
            at=START + len(self.log),
            source=len(self.log),
            fence=0,
            rules=1,
            prev="",
            version=self.versions[account],
            key=key,
            events=made,
        )
        self.log.append(decision)
        return decision

    # --- looking and altering ----------------------------------------------------------

    def events(self, account: str) -> list[Event]:
        """The account's events so far."""
        return [e for d in self.log if d.account == account for e in d.events]

    def find(self, type_: type[msgspec.Struct], place: int = 0) -> tuple[int, Event]:
        """Where on the log the n-th event of this type is (the decision's place), and it."""
        found = [
            (place, event)
            for place, decision in enumerate(self.log)
            for event in decision.events
            if isinstance(event.data, type_)
        ]
        return found[place]

    def client(self, name: str) -> ClientHistory:
        """A client's history."""
        return next(client for client in self.history.clients if client.name == name)

    def alter(self, place: int, **changes: object) -> None:
        """Put other values into a decision; the chain is made anew when it is checked."""
        self.log[place] = msgspec.structs.replace(self.log[place], **changes)

    def alter_frames(self, name: str, frames: list[FrameNote]) -> None:
        """Give a client other frames than it got; their number must stay the same after notes."""
        client = self.client(name)
        client.frames = FrameTape()
        for frame in frames:
            client.frames.append(*frame)

    def settle(self) -> None:
        """Every live client has got all."""
        for name, (client, _) in self._watching.items():
            if self._held[name] is not None:
                client.settled(self.versions[client.viewer.account])

    def check(self) -> Verdict:
        """What the checker says, with a sound chain, once every live client has got all."""
        self.settle()
        return check_values(self.history, chained(self.log))


def chained(log: list[Decision]) -> list[bytes]:
    """The bytes of these decisions, with each `prev` as it has to be."""
    last: dict[str, str] = {}
    values = []
    for decision in log:
        prev = last.get(decision.account, "")
        value = codec.encode(msgspec.structs.replace(decision, prev=prev))
        last[decision.account] = codec.digest(value)
        values.append(value)
    return values


def check_values(history: History, values: list[bytes]) -> Verdict:
    """What the checker says about these bytes."""
    checker = Checker(history)
    for value in values:
        record = codec.decode_event_record(value)
        assert isinstance(record, Decision)
        checker.decision(record, value)
    return checker.finish()


ANA = Actor(kind="operator", id="ana")
BOB = Actor(kind="operator", id="bob")


def visitor(name: str) -> Actor:
    """A visitor."""
    return Actor(kind="visitor", id=name)


def both(name: str) -> Audience:
    """Staff and a visitor."""
    return ("staff", f"visitor:{name}")


def message(chat: str, text: str, to: Audience, *, internal: bool = False) -> Part:
    """A message."""
    content = TextContent(text=text)
    return Part(events.MessagePosted(content=content, internal=internal), to, chat=chat)


def open_account(day: Day, account: str, *, limit: int = 1) -> str:
    """An account with one desk. Returns the desk."""
    settings = AccountSettings(desk_limit=limit)
    created = Part(events.AccountCreated(name=account, settings=settings), STAFF)
    day.decide(account, SYSTEM, [created])
    made = day.decide(account, SYSTEM, [Part(events.DeskAdded(name="help"), STAFF)])
    assert made.id is not None
    return made.id


def request(day: Day, account: str, who: str, desk: str, *, key: str) -> str:
    """A visitor's chat, offered to a desk. Returns the chat."""
    to = both(who)
    requested = Part(events.ChatRequested(visitor=who), to, chat="new")
    answer = day.decide(account, visitor(who), [requested], key=key)
    assert answer.id is not None
    opened = Part(events.ConversationOpened(desk=desk), to, chat=answer.id, opens=True)
    day.decide(account, SYSTEM, [opened])
    return answer.id
