"""Who may do what: the one authorisation function, for routes, live frames and actions alike."""

from typing import Literal

from schemas import actions as a
from schemas.record import Record
from schemas.values import STAFF, ActorKind, Audience, Role

Permission = Literal[
    "account:create",
    "account:read",
    "account:write",
    "operator:read",
    "operator:write",
    "operator:availability",
    "operator:password",
    "token:issue",
    "token:revoke",
    "desk:read",
    "desk:write",
    "desk:staff",
    "group:read",
    "group:write",
    "visitor:read",
    "visitor:add",
    "visitor:write",
    "events:read",
    "chat:read",
    "chat:request",
    "chat:join",
    "chat:observe",
    "chat:leave",
    "chat:post",
    "chat:type",
    "chat:mark",
    "chat:transfer",
    "chat:close",
    "chat:expire",
]

Scope = Literal["own", "any"]
Grantee = Role | Literal["visitor", "bot", "system"]
Grants = dict[Permission, Scope]


class Viewer(Record):
    """Who asks; `role` is set for operators alone."""

    kind: ActorKind
    id: str
    account: str
    role: Role | None = None


_VISITOR: Grants = {
    "visitor:read": "own",
    "visitor:write": "own",
    "events:read": "own",
    "chat:read": "own",
    "chat:request": "own",
    "chat:post": "own",
    "chat:type": "own",
    "chat:mark": "own",
    "chat:close": "own",
}
_AUDITOR: Grants = {
    "account:read": "any",
    "operator:read": "any",
    "operator:password": "own",
    "token:revoke": "own",
    "desk:read": "any",
    "group:read": "any",
    "visitor:read": "any",
    "events:read": "any",
    "chat:read": "any",
}
_AGENT: Grants = {
    **_AUDITOR,
    "operator:availability": "own",
    "visitor:add": "any",
    "visitor:write": "any",
    "chat:join": "any",
    "chat:leave": "any",
    "chat:post": "any",
    "chat:type": "any",
    "chat:mark": "any",
    "chat:transfer": "own",
    "chat:close": "own",
}
_SUPERVISOR: Grants = {
    **_AGENT,
    "operator:availability": "any",
    "desk:staff": "any",
    "chat:observe": "any",
    "chat:transfer": "any",
    "chat:close": "any",
}
_ADMIN: Grants = {
    **_SUPERVISOR,
    "account:write": "any",
    "operator:write": "any",
    "operator:password": "any",
    "token:revoke": "any",
    "desk:write": "any",
    "group:write": "any",
}
# The system does all that needs no person: it joins, leaves and marks nothing.
_SYSTEM: Grants = {
    **_ADMIN,
    "account:create": "any",
    "token:issue": "any",
    "chat:request": "any",
    "chat:expire": "any",
}
for _permission in ("chat:join", "chat:observe", "chat:leave", "chat:mark"):
    del _SYSTEM[_permission]

GRANTS: dict[Grantee, Grants] = {
    "visitor": _VISITOR,
    "auditor": _AUDITOR,
    "agent": _AGENT,
    "supervisor": _SUPERVISOR,
    "admin": _ADMIN,
    "bot": {},
    "system": _SYSTEM,
}
"""What each role is granted: on `any` thing of the account, or on the viewer's `own` alone.

Bots are granted nothing until there is a use for them.
"""


def grantee(viewer: Viewer) -> Grantee | None:
    """Which column of GRANTS holds for a viewer; None for an operator without a role."""
    return viewer.role if viewer.kind == "operator" else viewer.kind


def audience_of(viewer: Viewer) -> Audience:
    """The audience entries that reach a viewer; none reach the system."""
    if viewer.kind == "operator":
        return (STAFF, f"operator:{viewer.id}")
    return (f"visitor:{viewer.id}",) if viewer.kind == "visitor" else ()


def allows(
    viewer: Viewer,
    permission: Permission,
    *,
    account: str,
    audience: Audience | None = None,
    owner: str | None = None,
) -> bool:
    """Whether `viewer` has `permission` in `account`. Denies by default.

    `audience`: of the thing to be seen; the viewer must be in it. `owner`: the operator or
    visitor whose thing it is; matters where the grant is for the viewer's own things alone.
    """
    who = grantee(viewer)
    if viewer.account != account or who is None:
        return False
    scope = GRANTS[who].get(permission)
    if scope is None:
        return False
    if audience is not None and not set(audience).intersection(audience_of(viewer)):
        return False
    return scope == "any" or owner is None or owner == viewer.id


_PERMISSIONS: dict[type[a.ActionData], Permission] = {
    a.CreateAccount: "account:create",
    a.ChangeSettings: "account:write",
    a.AddOperator: "operator:write",
    a.ChangeOperator: "operator:write",
    a.RemoveOperator: "operator:write",
    a.SetPassword: "operator:password",
    a.SetAvailability: "operator:availability",
    a.PauseOperator: "operator:availability",
    a.ActivateOperator: "operator:availability",
    a.IssueToken: "token:issue",
    a.RevokeToken: "token:revoke",
    a.AddDesk: "desk:write",
    a.ChangeDesk: "desk:write",
    a.RemoveDesk: "desk:write",
    a.StaffDesk: "desk:staff",
    a.LeaveDesk: "desk:staff",
    a.AddGroup: "group:write",
    a.ChangeGroup: "group:write",
    a.RemoveGroup: "group:write",
    a.AddVisitor: "visitor:add",
    a.ChangeVisitor: "visitor:write",
    a.RequestChat: "chat:request",
    a.JoinChat: "chat:join",
    a.LeaveChat: "chat:leave",
    a.PostMessage: "chat:post",
    a.Transfer: "chat:transfer",
    a.MarkRead: "chat:mark",
    a.CloseChat: "chat:close",
    a.ExpireOffer: "chat:expire",
}


def permission_for(data: a.AnyAction) -> Permission:
    """The permission that an action needs. A test holds this table complete."""
    if type(data) is a.JoinChat and data.role == "observer":
        return "chat:observe"
    return _PERMISSIONS[type(data)]
