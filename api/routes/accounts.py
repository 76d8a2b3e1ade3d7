"""Accounts: made by the platform, read and set by their own staff."""

from starlette.requests import Request
from starlette.responses import Response

from api.answers import NewAccountAnswer
from api.auth.passwords import NewPassword
from api.bodies import ActionBody, JsonBody
from api.bootstrap import NewAccount, add_admin, create_account
from api.call import VERSION_TIMEOUT, Caller, answer
from api.operations import Operations, Says
from api.routes.platform import PathAccount, for_platform
from api.services import Services
from projections.store import Cut
from schemas.actions import ChangeSettings
from schemas.record import Record
from schemas.refusals import Refused
from schemas.values import AccountId, AccountSettings, Login, Name, PersonalName
from schemas.views import AccountView


class FirstAdmin(Record):
    """Who administers a new account."""

    name: PersonalName
    login: Login
    password: NewPassword


class NewAccountBody(Record):
    """An account to make, with its first admin."""

    id: AccountId
    name: Name
    admin: FirstAdmin
    settings: AccountSettings = AccountSettings()


_NEW = JsonBody(NewAccountBody)
_SETTINGS = ActionBody(ChangeSettings)

operation = Operations("accounts")


@operation(
    "POST",
    "/v1/accounts",
    Says(
        answer=NewAccountAnswer,
        status=201,
        body=NewAccountBody,
        codes=("account_exists", "overdue"),
        headers=("Location",),
        security="platform",
        writes=False,
    ),
)
async def post_account(request: Request) -> Response:
    """Make an account and its first admin.

    Repeated after a failure, it goes on where it stopped: an account without any operator is
    given its admin.
    """
    services = for_platform(request)
    body = await _NEW.read(request)
    admin = body.admin
    new = NewAccount(body.id, body.name, admin.name, admin.login, admin.password, body.settings)
    try:
        made = await create_account(services.gateway, services.passwords, new)
    except Refused as refused:
        if refused.code != "account_exists" or await _has_operators(services, body.id):
            raise
        made = await add_admin(services.gateway, services.passwords, new)
    await services.projections.reached(body.id, made.version, VERSION_TIMEOUT)
    view = AccountView(id=body.id, name=body.name, settings=body.settings)
    location = {"location": f"/v1/accounts/{body.id}"}
    return answer(NewAccountAnswer(account=view, login=made.login), status=201, headers=location)


@operation(
    "GET",
    "/v1/accounts/{account}",
    Says(answer=AccountView, codes=("account_unknown",), security="platform"),
)
async def get_account_for_platform(account: PathAccount, request: Request) -> Response:
    """Show an account to the platform."""
    view = await for_platform(request).projections.account(account)
    if view is None:
        raise Refused("account_unknown")
    return answer(view)


@operation("GET", "/v1/account", Says(answer=AccountView, headers=("Version",)))
async def get_account(call: Caller) -> Response:
    """Show one's own account with its settings."""
    call.require("account:read")
    projections = call.services.projections
    return await call.show(lambda: projections.account(call.viewer.account), "account_unknown")


@operation(
    "PATCH",
    "/v1/account",
    Says(answer=AccountView, body=_SETTINGS.body.type, headers=("Version",), accepted=True),
)
async def patch_account(call: Caller) -> Response:
    """Change the settings that are given."""
    done = await call.act(await _SETTINGS.read(call.request))
    projections = call.services.projections
    return await call.show_written(done, lambda: projections.account(call.viewer.account))


async def _has_operators(services: Services, account: str) -> bool:
    return bool((await services.projections.operators(account, Cut(limit=1))).items)
