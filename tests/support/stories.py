"""Stories: decisions as the domain makes them, in which every kind of event happens."""

from collections.abc import Sequence

from msgspec.structs import replace

from schemas import actions as a
from schemas import codec
from schemas.decisions import Decision, Fence
from schemas.values import Role
from streams.acceptance import Acceptance
from streams.domain.access import Viewer
from tests.support import domain as d
from tests.support.domain import ACCOUNT, START, Act, Step, World, given

DAY = 86_400_000

_people: tuple[Step, ...] = (
    d.operator("ana", "admin"),
    d.operator("bob", "agent"),
    d.operator("sue", "supervisor"),
    d.operator("tom", "auditor", availability="offline"),
    d.group("sales"),
    d.desk("front", limit=2, staff=("ana", "bob"), groups=("sales",)),
    d.desk("back", staff=("sue",)),
    d.add_group("gone", by="ana"),
    d.change_desk("back", name="Back office", limit=3, groups=("gone",)),
    d.change_desk("back", groups=("sales", "gone")),
    Act("ana", lambda world: a.ChangeGroup(group=world.id("sales"), name="Sales")),
    d.remove_group("gone"),
    d.change_settings(routing="least_loaded", desk_limit=2, queue_limit=5),
    d.change_operator("bob", name="Robert"),
    d.pause("bob"),
    d.activate("bob"),
    d.set_availability("sue", "away"),
)
_keys: tuple[Step, ...] = (
    Act("ana", lambda w: a.SetPassword(operator=w.id("ana"), hash="hash-of-ana")),
    Act("bob", lambda w: a.SetPassword(operator=w.id("bob"), hash="hash-of-bob")),
    Act("system", lambda w: _token(w, "bob", "a", START + DAY)),
    Act("system", lambda w: _token(w, "bob", "b", START + DAY)),
    Act("system", lambda w: _token(w, "ana", "c", START + DAY)),
    Act("bob", lambda w: a.RevokeToken(operator=w.id("bob"), token="a" * 64)),
)
_chats: tuple[Step, ...] = (
    d.visitor("ina"),
    Act("ina", lambda w: a.ChangeVisitor(visitor=w.id("ina"), name="Ina", email="ina@example.org")),
    d.open_chat("c1", desk="front"),
    d.post_message("c1", "Hello", by="c1's visitor", named="hello"),
    d.post_message("c1", "Do we know them?", by="ana", internal=True),
    d.post_message("c1", "Good morning", by="ana", named="morning"),
    d.mark_read("c1", "hello", by="ana"),
    d.mark_read("c1", "morning", by="c1's visitor"),
    d.mark_read("c1", "morning", by="ana"),
    d.join_chat("c1", by="sue", role="observer"),
    d.join_chat("c1", by="bob", role="participant"),
    d.leave_chat("c1", by="bob"),
    d.transfer("c1", by="ana", to_desk="back"),
    d.join_chat("c1", by="sue"),
    d.post_message("c1", "I am Sue", by="sue"),
    d.chat_request("c2", to_desk="front"),
    d.expire_offer("c2"),
    d.join_chat("c2", by="ana", desk="front"),
    d.chat_request("c3", to_operator="bob"),
    d.transfer("c3", by="bob", to_group="sales"),
    d.chat_request("c4"),
    d.chat_request("c5"),
    *(d.chat_request(name, to_desk="front") for name in ("c6", "c7", "c8")),
    d.close_chat("c2", by="ana"),
)
_end: tuple[Step, ...] = (
    d.leave_desk("back", "sue"),
    d.add_operator("eve", by="ana", password_hash="hash-of-eve"),
    Act("system", lambda w: _token(w, "eve", "e", START + DAY)),
    d.staff_desk("back", "eve"),
    d.remove_operator("eve"),
    d.add_desk("spare"),
    d.remove_desk("spare"),
    d.post_message("c1", "Are you there?", by="c1's visitor"),
)


def _token(world: World, operator: str, digit: str, expires_at: int) -> a.IssueToken:
    return a.IssueToken(operator=world.id(operator), token=digit * 64, expires_at=expires_at)


def a_day() -> World:
    """A day at a help desk: chats are queued, offered, passed on, left open and closed."""
    return given(*_people, *_keys, *_chats, *_end).world


def viewers(world: World) -> dict[str, Viewer]:
    """Who looks on: an operator of each role, two visitors, and one from another account."""
    roles: dict[str, Role] = {
        "ana": "admin",
        "bob": "agent",
        "sue": "supervisor",
        "tom": "auditor",
    }
    staff = {
        name: Viewer(kind="operator", id=world.id(name), account=ACCOUNT, role=role)
        for name, role in roles.items()
    }
    visitors = {
        name: Viewer(kind="visitor", id=world.id(name), account=ACCOUNT)
        for name in ("c1's visitor", "c2's visitor", "ina")
    }
    return staff | visitors


def of_account(decisions: Sequence[Decision], account: str) -> list[Decision]:
    """The same story in another account."""
    return [replace(decision, account=account) for decision in decisions]


def interleaved(*stories: Sequence[Decision]) -> list[Decision]:
    """Stories of several accounts in one partition, by turns."""
    turns = [d for turn in zip(*stories, strict=True) for d in turn]
    return [replace(decision, source=source) for source, decision in enumerate(turns)]


def records(decisions: Sequence[Decision]) -> list[bytes]:
    """A partition of the topic `events` with these decisions, which all count."""
    fence = codec.encode(Fence(decider="test", at=START))
    numbered = (replace(d, source=source, fence=0) for source, d in enumerate(decisions))
    return [fence, *(codec.encode(decision) for decision in numbered)]


def position(count: int) -> Acceptance:
    """Where a reader stands after the fence and the first `count` decisions."""
    return Acceptance(fence=0, source=count - 1, offset=count + 1)
