"""Visitors: how they come in, and what staff and they themselves may see and change."""

from starlette.requests import Request
from starlette.responses import Response

from api.answers import MessagePage, VisitorAnswer, VisitorPage, VisitorTokenAnswer
from api.bodies import ActionBody, JsonBody
from api.call import VERSION_HEADER, VERSION_TIMEOUT, Call, Caller, PathId, answer
from api.operations import Operations, Says
from api.pages import InEitherOrder, OldestFirst, show_page
from api.services import Services
from schemas.actions import AddVisitor, ChangeVisitor
from schemas.record import Record
from schemas.refusals import Refused
from schemas.values import AccountId, Email, PersonalName
from schemas.views import VisitorView
from streams.domain.access import Viewer


class NewVisitorBody(Record):
    """Who asks to be let in, and to which account. Nobody has to say their name."""

    account: AccountId
    name: PersonalName | None = None
    email: Email | None = None


_NEW = JsonBody(NewVisitorBody)
_CHANGE = ActionBody(ChangeVisitor, "visitor")
_UNKNOWN = "visitor_unknown"

operation = Operations("visitors")


@operation(
    "POST",
    "/v1/visitors",
    Says(
        answer=VisitorAnswer,
        status=201,
        body=NewVisitorBody,
        codes=("account_unknown", "overdue"),
        headers=("Location", "Version"),
        security="public",
    ),
)
async def post_visitor(request: Request) -> Response:
    """Become a visitor of an account.

    The token is signed and expires; renew it before. A repeat makes another visitor, which
    harms nobody: an idempotency key would let whoever guesses it in.
    """
    services: Services = request.app.state.services
    body = await _NEW.read(request)
    if await services.projections.account(body.account) is None:
        raise Refused("account_unknown")  # spares the log what strangers make up
    system = Viewer(kind="system", id="system", account=body.account)
    done = await services.gateway.act(system, AddVisitor(name=body.name, email=body.email))
    visitor = done.id or ""
    await services.projections.reached(body.account, done.version, VERSION_TIMEOUT)
    view = await services.projections.visitor(body.account, visitor)
    token = services.authenticator.visitors.issue(body.account, visitor)
    made = VisitorAnswer(
        visitor=view or VisitorView(id=visitor, name=body.name, email=body.email),
        token=token.token,
        expires_at=token.expires_at,
    )
    headers = {"location": f"/v1/visitors/{visitor}", VERSION_HEADER: str(done.version)}
    return answer(made, status=201, headers=headers)


@operation(
    "POST",
    "/v1/visitors/me/token",
    Says(answer=VisitorTokenAnswer, codes=(_UNKNOWN,), writes=False),
)
async def renew_visitor_token(call: Caller) -> Response:
    """Get a visitor's token that lasts longer than the one this request carries."""
    viewer = call.viewer
    if viewer.kind != "visitor":
        raise Refused("not_allowed", "Operators log in.")
    if await call.services.projections.visitor(viewer.account, viewer.id) is None:
        raise Refused(_UNKNOWN)
    token = call.services.authenticator.visitors.issue(viewer.account, viewer.id)
    return answer(VisitorTokenAnswer(token=token.token, expires_at=token.expires_at))


@operation(
    "GET",
    "/v1/visitors",
    Says(answer=VisitorPage, headers=("Version", "Link"), codes=("cursor_invalid",)),
)
async def list_visitors(call: Caller, paging: OldestFirst) -> Response:
    """List the visitors, for staff."""
    call.require("visitor:read", owner="")
    projections, account = call.services.projections, call.viewer.account
    return await show_page(
        call, paging, ("visitors", VisitorPage), lambda cut: projections.visitors(account, cut)
    )


@operation(
    "GET",
    "/v1/visitors/{visitor}",
    Says(answer=VisitorView, codes=(_UNKNOWN,), headers=("Version",)),
)
async def get_visitor(visitor: PathId, call: Caller) -> Response:
    """Show a visitor: oneself, or for staff anybody."""
    _must_see(call, visitor)
    projections = call.services.projections
    return await call.show(lambda: projections.visitor(call.viewer.account, visitor), _UNKNOWN)


@operation(
    "PATCH",
    "/v1/visitors/{visitor}",
    Says(
        answer=VisitorView,
        body=_CHANGE.body.type,
        codes=(_UNKNOWN,),
        headers=("Version",),
        accepted=True,
    ),
)
async def patch_visitor(visitor: PathId, call: Caller) -> Response:
    """Change a visitor's name or address: one's own, or for staff anybody's."""
    _must_see(call, visitor)
    call.require("visitor:write", owner=visitor)
    change = await _CHANGE.read(call.request, visitor=visitor)
    projections, account = call.services.projections, call.viewer.account
    if await projections.visitor(account, visitor) is None:
        raise Refused(_UNKNOWN)  # the decider does not keep visitors
    done = await call.act(change)
    return await call.show_written(done, lambda: projections.visitor(account, visitor))


@operation(
    "GET",
    "/v1/visitors/{visitor}/messages",
    Says(answer=MessagePage, codes=(_UNKNOWN, "cursor_invalid"), headers=("Version", "Link")),
)
async def list_visitor_messages(visitor: PathId, call: Caller, paging: InEitherOrder) -> Response:
    """List a visitor's messages over all chats."""
    _must_see(call, visitor)
    await call.fresh()
    projections, viewer = call.services.projections, call.viewer
    if await projections.visitor(viewer.account, visitor) is None:
        raise Refused(_UNKNOWN)
    return await show_page(
        call,
        paging,
        (f"messages of {visitor}", MessagePage),
        lambda cut: projections.messages(viewer, cut, visitor=visitor),
    )


def _must_see(call: Call, visitor: str) -> None:
    """To a visitor, there are no other visitors. Raises Refused."""
    if call.viewer.kind == "visitor" and visitor != call.viewer.id:
        raise Refused(_UNKNOWN)
    call.require("visitor:read", owner=visitor)
