"""Desks and who sits at them."""

from starlette.responses import Response

from api.answers import DeskPage
from api.bodies import ActionBody
from api.call import Call, Caller, PathId
from api.operations import Operations, Says
from api.pages import OldestFirst, show_page
from schemas.actions import AddDesk, ChangeDesk, LeaveDesk, RemoveDesk, StaffDesk
from schemas.decisions import Answer
from schemas.views import DeskView

_NEW = ActionBody(AddDesk)
_CHANGE = ActionBody(ChangeDesk, "desk")
_UNKNOWN = "desk_unknown"
_STAFFED = Says(
    answer=DeskView,
    codes=(_UNKNOWN, "operator_unknown", "desk_personal"),
    headers=("Version",),
    accepted=True,
)

operation = Operations("desks")


@operation(
    "GET",
    "/v1/desks",
    Says(answer=DeskPage, headers=("Version", "Link"), codes=("cursor_invalid",)),
)
async def list_desks(call: Caller, paging: OldestFirst) -> Response:
    """List the desks, personal ones too, with their loads."""
    call.require("desk:read")
    projections, account = call.services.projections, call.viewer.account
    return await show_page(
        call, paging, ("desks", DeskPage), lambda cut: projections.desks(account, cut)
    )


@operation(
    "POST",
    "/v1/desks",
    Says(
        answer=DeskView,
        status=201,
        body=_NEW.body.type,
        codes=("group_unknown",),
        headers=("Location", "Version"),
        accepted=True,
    ),
)
async def post_desk(call: Caller) -> Response:
    """Add a shared desk."""
    done = await call.act(await _NEW.read(call.request))
    return await _shown(call, done, done.id or "", made=True)


@operation(
    "GET", "/v1/desks/{desk}", Says(answer=DeskView, codes=(_UNKNOWN,), headers=("Version",))
)
async def get_desk(desk: PathId, call: Caller) -> Response:
    """Show a desk."""
    call.require("desk:read")
    projections = call.services.projections
    return await call.show(lambda: projections.desk(call.viewer.account, desk), _UNKNOWN)


@operation(
    "PATCH",
    "/v1/desks/{desk}",
    Says(
        answer=DeskView,
        body=_CHANGE.body.type,
        codes=(_UNKNOWN, "group_unknown"),
        headers=("Version",),
        accepted=True,
    ),
)
async def patch_desk(desk: PathId, call: Caller) -> Response:
    """Change a desk's name, limit or groups."""
    done = await call.act(await _CHANGE.read(call.request, desk=desk))
    return await _shown(call, done, desk)


@operation(
    "DELETE",
    "/v1/desks/{desk}",
    Says(status=204, codes=(_UNKNOWN, "desk_busy", "desk_personal"), headers=("Version",)),
)
async def delete_desk(desk: PathId, call: Caller) -> Response:
    """Remove a shared desk that serves nobody."""
    return await call.done(await call.act(RemoveDesk(desk=desk)))


@operation("PUT", "/v1/desks/{desk}/staff/{operator}", _STAFFED)
async def put_staff(desk: PathId, operator: PathId, call: Caller) -> Response:
    """Seat an operator at a shared desk."""
    return await _shown(call, await call.act(StaffDesk(desk=desk, operator=operator)), desk)


@operation("DELETE", "/v1/desks/{desk}/staff/{operator}", _STAFFED)
async def delete_staff(desk: PathId, operator: PathId, call: Caller) -> Response:
    """Take an operator away from a shared desk."""
    return await _shown(call, await call.act(LeaveDesk(desk=desk, operator=operator)), desk)


async def _shown(call: Call, done: Answer, desk: str, *, made: bool = False) -> Response:
    projections, account = call.services.projections, call.viewer.account
    location = f"/v1/desks/{desk}" if made else None
    return await call.show_written(done, lambda: projections.desk(account, desk), location=location)
