"""What the platform may do to any account: set a password, build the projections anew."""

from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from api.answers import RebuildView
from api.auth.passwords import NewPassword
from api.bodies import JsonBody
from api.bootstrap import set_password
from api.call import VERSION_TIMEOUT, answer
from api.operations import Operations, Says
from api.problems import Problem
from api.services import Services
from projections.projector import Projector
from schemas.record import Record
from schemas.refusals import Refused
from schemas.values import Login

PathAccount = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]


class PlatformPasswordBody(Record):
    """A new password for the operator with this login."""

    login: Login
    password: NewPassword


_PASSWORD = JsonBody(PlatformPasswordBody)

operation = Operations("platform")


@operation(
    "PUT",
    "/v1/accounts/{account}/password",
    Says(
        status=204,
        body=PlatformPasswordBody,
        codes=("operator_unknown", "overdue"),
        security="platform",
        writes=False,
    ),
)
async def put_password_for_platform(account: PathAccount, request: Request) -> Response:
    """Set an operator's password; it ends all their tokens."""
    services = for_platform(request)
    body = await _PASSWORD.read(request)
    found = await services.projections.credentials(account, body.login)
    if found is None:
        raise Refused("operator_unknown")
    version = await set_password(
        services.gateway, services.passwords, (account, found.operator), body.password
    )
    await services.projections.reached(account, version, VERSION_TIMEOUT)
    return Response(status_code=204)


@operation(
    "POST",
    "/v1/rebuild",
    Says(answer=RebuildView, status=202, codes=("not_here",), security="platform", writes=False),
)
async def post_rebuild(request: Request) -> Response:
    """Build the projections anew from the log, while chats go on."""
    projector = _projector(request)
    projector.renew()
    return answer(_view(projector), status=202)


@operation(
    "GET",
    "/v1/rebuild",
    Says(answer=RebuildView, codes=("not_here",), security="platform", reads=False),
)
async def get_rebuild(request: Request) -> Response:
    """Show how far the newest build of the projections is."""
    return answer(_view(_projector(request)))


def _projector(request: Request) -> Projector:
    """The projector of this process. Raises Problem `not_here` where there is none."""
    projector = for_platform(request).projector
    if projector is None:
        raise Problem("not_here")
    return projector


def for_platform(request: Request) -> Services:
    """The services, for the platform alone. Raises Refused `not_allowed`."""
    if request.scope["identity"].viewer is not None:
        raise Refused("not_allowed")
    services: Services = request.app.state.services
    return services


def _view(projector: Projector) -> RebuildView:
    return RebuildView(running=projector.renewing, done=projector.done, total=projector.total)
