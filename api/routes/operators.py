"""Operators, their availability and their passwords."""

from starlette.responses import Response

from api.answers import OperatorPage
from api.auth.passwords import NewPassword, Password
from api.bodies import ActionBody, JsonBody
from api.call import Call, Caller, PathId
from api.operations import Operations, Says
from api.pages import OldestFirst, show_page
from api.problems import Problem
from schemas.actions import (
    ActivateOperator,
    AddOperator,
    ChangeOperator,
    PauseOperator,
    RemoveOperator,
    SetAvailability,
    SetPassword,
)
from schemas.decisions import Answer
from schemas.record import Record
from schemas.values import DeskLimit, Id, Login, PersonalName, Role
from schemas.views import OperatorView


class NewOperatorBody(Record):
    """An operator to add. Without a password, nobody can log in as them yet."""

    name: PersonalName
    login: Login
    role: Role = "agent"
    desk_limit: DeskLimit | None = None
    groups: tuple[Id, ...] = ()
    password: NewPassword | None = None


class PasswordBody(Record):
    """A new password. Who changes their own gives the current one too."""

    password: NewPassword
    current: Password | None = None


_NEW = JsonBody(NewOperatorBody)
_PASSWORD = JsonBody(PasswordBody)
_CHANGE = ActionBody(ChangeOperator, "operator")
_AVAILABILITY = ActionBody(SetAvailability, "operator")
_UNKNOWN = "operator_unknown"
_CHANGED = Says(answer=OperatorView, codes=(_UNKNOWN,), headers=("Version",), accepted=True)

operation = Operations("operators")


@operation(
    "GET",
    "/v1/operators",
    Says(answer=OperatorPage, headers=("Version", "Link"), codes=("cursor_invalid",)),
)
async def list_operators(call: Caller, paging: OldestFirst) -> Response:
    """List the operators."""
    call.require("operator:read")
    projections, account = call.services.projections, call.viewer.account
    return await show_page(
        call, paging, ("operators", OperatorPage), lambda cut: projections.operators(account, cut)
    )


@operation(
    "POST",
    "/v1/operators",
    Says(
        answer=OperatorView,
        status=201,
        body=NewOperatorBody,
        codes=("login_taken", "group_unknown"),
        headers=("Location", "Version"),
        accepted=True,
    ),
)
async def post_operator(call: Caller) -> Response:
    """Add an operator, with a personal desk."""
    call.require("operator:write")
    body = await _NEW.read(call.request)
    hashed = None
    if body.password is not None:
        hashed = await call.services.passwords.hash(body.password)
    done = await call.act(
        AddOperator(
            name=body.name,
            login=body.login,
            role=body.role,
            desk_limit=body.desk_limit,
            groups=body.groups,
            password_hash=hashed,
        )
    )
    return await _shown(call, done, done.id or "", made=True)


@operation(
    "GET",
    "/v1/operators/{operator}",
    Says(answer=OperatorView, codes=(_UNKNOWN,), headers=("Version",)),
)
async def get_operator(operator: PathId, call: Caller) -> Response:
    """Show an operator."""
    call.require("operator:read")
    projections = call.services.projections
    return await call.show(lambda: projections.operator(call.viewer.account, operator), _UNKNOWN)


@operation(
    "PATCH",
    "/v1/operators/{operator}",
    Says(
        answer=OperatorView,
        body=_CHANGE.body.type,
        codes=(_UNKNOWN, "last_admin", "operator_busy"),
        headers=("Version",),
        accepted=True,
    ),
)
async def patch_operator(operator: PathId, call: Caller) -> Response:
    """Change an operator's name or role."""
    done = await call.act(await _CHANGE.read(call.request, operator=operator))
    return await _shown(call, done, operator)


@operation(
    "DELETE",
    "/v1/operators/{operator}",
    Says(status=204, codes=(_UNKNOWN, "operator_busy", "last_admin"), headers=("Version",)),
)
async def delete_operator(operator: PathId, call: Caller) -> Response:
    """Remove an operator who owns no open chat. All their tokens end."""
    return await call.done(await call.act(RemoveOperator(operator=operator)))


@operation(
    "PUT",
    "/v1/operators/{operator}/availability",
    Says(
        answer=OperatorView,
        body=_AVAILABILITY.body.type,
        codes=(_UNKNOWN,),
        headers=("Version",),
        accepted=True,
    ),
)
async def put_availability(operator: PathId, call: Caller) -> Response:
    """Say how reachable an operator is: oneself, or for supervisors anybody."""
    done = await call.act(await _AVAILABILITY.read(call.request, operator=operator))
    return await _shown(call, done, operator)


@operation("POST", "/v1/operators/{operator}/pause", _CHANGED)
async def pause_operator(operator: PathId, call: Caller) -> Response:
    """Take no new chats."""
    return await _shown(call, await call.act(PauseOperator(operator=operator)), operator)


@operation("POST", "/v1/operators/{operator}/activate", _CHANGED)
async def activate_operator(operator: PathId, call: Caller) -> Response:
    """Take new chats again."""
    return await _shown(call, await call.act(ActivateOperator(operator=operator)), operator)


@operation(
    "PUT",
    "/v1/operators/{operator}/password",
    Says(
        status=204,
        body=PasswordBody,
        codes=(_UNKNOWN, "password_wrong", "too_many_logins"),
        headers=("Version",),
    ),
)
async def put_password(operator: PathId, call: Caller) -> Response:
    """Set a password: one's own, or for admins anybody's. All their tokens end."""
    call.require("operator:password", owner=operator)
    body = await _PASSWORD.read(call.request)
    if operator == call.viewer.id:
        await _check_current(call, body.current)
    hashed = await call.services.passwords.hash(body.password)
    return await call.done(await call.act(SetPassword(operator=operator, hash=hashed)))


async def _check_current(call: Call, current: str | None) -> None:
    """Raise Problem `password_wrong` unless it is the viewer's own password."""
    services, account = call.services, call.viewer.account
    view = await services.projections.operator(account, call.viewer.id)
    login = view.login if view is not None else ""
    who = account, login, "own password"
    services.login_brake.attempt(*who)
    found = await services.projections.credentials(account, login)
    if current is None or found is None or not await services.passwords.verify(found.hash, current):
        raise Problem("password_wrong")
    services.login_brake.succeeded(*who)


async def _shown(call: Call, done: Answer, operator: str, *, made: bool = False) -> Response:
    projections, account = call.services.projections, call.viewer.account
    location = f"/v1/operators/{operator}" if made else None
    return await call.show_written(
        done, lambda: projections.operator(account, operator), location=location
    )
