"""Logging in and out, and operators' tokens."""

from starlette.requests import Request
from starlette.responses import Response

from api.answers import LoginAnswer, TokenList, TokenView
from api.auth.passwords import Password
from api.auth.token_directory import digest_of, new_token
from api.bodies import JsonBody
from api.call import VERSION_TIMEOUT, Call, Caller, PathId, answer
from api.edge import address_of
from api.operations import Operations, Says
from api.problems import Problem
from api.services import Services
from projections.store import Credentials, Token
from schemas.actions import IssueToken, RevokeToken
from schemas.record import Record
from schemas.refusals import Refused
from schemas.values import AccountId, Login
from streams.domain.access import Viewer, allows


class LoginBody(Record):
    """What an operator logs in with."""

    account: AccountId
    login: Login
    password: Password


_LOGIN = JsonBody(LoginBody)
_CHALLENGE = {"www-authenticate": "Bearer"}

operation = Operations("login")


@operation(
    "POST",
    "/v1/login",
    Says(
        answer=LoginAnswer,
        body=LoginBody,
        codes=("login_failed", "too_many_logins", "overdue"),
        security="public",
    ),
)
async def login(request: Request) -> Response:
    """Log an operator in.

    The token is opaque and shown this once. After some wrong passwords the login, and the
    address, have to wait (`Retry-After`), longer each time.
    """
    services: Services = request.app.state.services
    body = await _LOGIN.read(request)
    found = await _authenticate(services, body, address_of(request.scope))
    token = new_token()
    expires_at = services.clock() + int(services.settings.operator_token_hours * 3_600_000)
    issue = IssueToken(operator=found.operator, token=digest_of(token), expires_at=expires_at)
    done = await services.gateway.act(_system(body.account), issue)
    await services.projections.reached(body.account, done.version, VERSION_TIMEOUT)
    view = await services.projections.operator(body.account, found.operator)
    if view is None:
        raise Problem("login_failed", headers=_CHALLENGE)
    now = await services.projections.credentials(body.account, body.login)
    if now is None or now.hash != found.hash:
        # The password was changed between its check and the token, which that did not end.
        revoke = RevokeToken(operator=found.operator, token=digest_of(token))
        ended = await services.gateway.act(_system(body.account), revoke)
        await services.projections.reached(body.account, ended.version, VERSION_TIMEOUT)
        raise Problem("login_failed", headers=_CHALLENGE)
    return answer(LoginAnswer(token=token, expires_at=expires_at, operator=view))


@operation("POST", "/v1/logout", Says(status=204))
async def logout(call: Caller) -> Response:
    """End the token of this request."""
    call.require("token:revoke", owner=call.viewer.id)
    return await call.done(
        await call.act(RevokeToken(operator=call.viewer.id, token=call.identity.token))
    )


@operation("GET", "/v1/tokens", Says(answer=TokenList, codes=("operator_unknown",)))
async def list_tokens(call: Caller, operator: PathId | None = None) -> Response:
    """List the valid tokens of oneself, or for admins of any operator."""
    owner = operator or call.viewer.id
    call.require("token:revoke", owner=owner)
    await call.fresh()
    projections = call.services.projections
    if await projections.operator(call.viewer.account, owner) is None:
        raise Refused("operator_unknown")
    now = call.services.clock()
    tokens = await projections.tokens(call.viewer.account, owner)
    views = tuple(_view(call, token) for token in tokens if token.expires_at > now)
    return answer(TokenList(items=views))


@operation("DELETE", "/v1/tokens/{token}", Says(status=204, codes=("token_unknown",)))
async def revoke_token(token: PathId, call: Caller) -> Response:
    """End a token: one's own, or for admins any operator's. Its open streams end too."""
    row = await call.services.projections.token(token)
    if row is None or not allows(
        call.viewer, "token:revoke", account=row.account, owner=row.operator
    ):
        raise Problem("token_unknown")
    return await call.done(await call.act(RevokeToken(operator=row.operator, token=token)))


async def _authenticate(services: Services, body: LoginBody, address: str) -> Credentials:
    """The operator who gave the right password. Raises Problem."""
    who = body.account, body.login, address
    services.login_brake.attempt(*who)
    try:
        found = await services.projections.credentials(body.account, body.login)
        right = await services.passwords.verify(found.hash if found else None, body.password)
    except BaseException:
        services.login_brake.unchecked(*who)
        raise
    if found is None or not right:
        raise Problem("login_failed", headers=_CHALLENGE)
    services.login_brake.succeeded(*who)
    return found


def _system(account: str) -> Viewer:
    return Viewer(kind="system", id="system", account=account)


def _view(call: Call, token: Token) -> TokenView:
    return TokenView(
        id=token.token,
        operator=token.operator,
        issued_at=token.issued_at,
        expires_at=token.expires_at,
        current=token.token == call.identity.token,
    )
