"""Who may do what: every role, every permission."""

from typing import Any, get_args

import pytest
from msgspec.structs import fields

from schemas.actions import AnyAction, JoinChat
from schemas.values import Role
from streams.domain.access import (
    GRANTS,
    Grantee,
    Permission,
    Viewer,
    allows,
    audience_of,
    permission_for,
)

# One line a permission, one letter a role: - not at all, o one's own, a any.
COLUMNS: tuple[Grantee, ...] = (
    "visitor",
    "agent",
    "supervisor",
    "admin",
    "auditor",
    "bot",
    "system",
)
TABLE = """
account:create         - - - - - - a
account:read           - a a a a - a
account:write          - - - a - - a
operator:read          - a a a a - a
operator:write         - - - a - - a
operator:availability  - o a a - - a
operator:password      - o o a o - a
token:issue            - - - - - - a
token:revoke           - o o a o - a
desk:read              - a a a a - a
desk:write             - - - a - - a
desk:staff             - - a a - - a
group:read             - a a a a - a
group:write            - - - a - - a
visitor:read           o a a a a - a
visitor:add            - a a a - - a
visitor:write          o a a a - - a
events:read            o a a a a - a
chat:read              o a a a a - a
chat:request           o - - - - - a
chat:join              - a a a - - -
chat:observe           - - a a - - -
chat:leave             - a a a - - -
chat:post              o a a a - - a
chat:type              o a a a - - a
chat:mark              o a a a - - -
chat:transfer          - o a a - - a
chat:close             o o a a - - a
chat:expire            - - - - - - a
"""
CELLS = [
    (line.split()[0], who, letter)
    for line in TABLE.strip().splitlines()
    for who, letter in zip(COLUMNS, line.split()[1:], strict=True)
]


def viewer(who: Grantee, account: str = "acme") -> Viewer:
    if who in get_args(Role):
        return Viewer(kind="operator", id="me", account=account, role=who)  # type: ignore[arg-type]
    return Viewer(kind=who, id="me", account=account)  # type: ignore[arg-type]


def test_the_table_is_complete() -> None:
    assert {line.split()[0] for line in TABLE.strip().splitlines()} == set(get_args(Permission))
    assert set(COLUMNS) == set(GRANTS)


@pytest.mark.parametrize(("permission", "who", "letter"), CELLS)
def test_each_role_has_what_the_table_says(
    permission: Permission, who: Grantee, letter: str
) -> None:
    me = viewer(who)
    assert allows(me, permission, account="acme") == (letter != "-")
    assert allows(me, permission, account="acme", owner="me") == (letter != "-")
    assert allows(me, permission, account="acme", owner="other") == (letter == "a")
    assert not allows(me, permission, account="other")
    assert not allows(me, permission, account="other", owner="me")
    assert not allows(me, permission, account="acme", audience=())


@pytest.mark.parametrize("who", COLUMNS)
@pytest.mark.parametrize(
    ("entry", "seen_by"),
    [
        ("staff", {"agent", "supervisor", "admin", "auditor"}),
        ("operator:me", {"agent", "supervisor", "admin", "auditor"}),
        ("visitor:me", {"visitor"}),
        ("operator:other", set()),
        ("visitor:other", set()),
    ],
)
def test_things_are_seen_by_their_audience(who: Grantee, entry: str, seen_by: set[str]) -> None:
    me = viewer(who)
    assert allows(me, "chat:read", account="acme", audience=(entry, "operator:x")) == (
        who in seen_by
    )
    assert (entry in audience_of(me)) == (who in seen_by)


def test_an_operator_without_a_role_has_nothing() -> None:
    nobody = Viewer(kind="operator", id="me", account="acme")
    assert not any(allows(nobody, one, account="acme") for one in get_args(Permission))


def test_a_visitors_role_does_not_count() -> None:
    sly = Viewer(kind="visitor", id="me", account="acme", role="admin")
    assert not allows(sly, "account:write", account="acme")


@pytest.mark.parametrize("kind", get_args(AnyAction))
def test_every_action_needs_a_permission(kind: type[AnyAction]) -> None:
    values: dict[str, Any] = {field.name: "x" for field in fields(kind) if field.required}
    assert permission_for(kind(**values)) in get_args(Permission)


def test_to_observe_needs_a_permission_of_its_own() -> None:
    assert permission_for(JoinChat(chat="c", role="participant")) == "chat:join"
    assert permission_for(JoinChat(chat="c", role="observer")) == "chat:observe"
