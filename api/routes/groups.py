"""Groups: desks that share a queue."""

from starlette.responses import Response

from api.answers import GroupPage
from api.bodies import ActionBody
from api.call import Call, Caller, PathId
from api.operations import Operations, Says
from api.pages import OldestFirst, show_page
from schemas.actions import AddGroup, ChangeGroup, RemoveGroup
from schemas.decisions import Answer
from schemas.views import GroupView

_NEW = ActionBody(AddGroup)
_CHANGE = ActionBody(ChangeGroup, "group")
_UNKNOWN = "group_unknown"

operation = Operations("groups")


@operation(
    "GET",
    "/v1/groups",
    Says(answer=GroupPage, headers=("Version", "Link"), codes=("cursor_invalid",)),
)
async def list_groups(call: Caller, paging: OldestFirst) -> Response:
    """List the groups."""
    call.require("group:read")
    projections, account = call.services.projections, call.viewer.account
    return await show_page(
        call, paging, ("groups", GroupPage), lambda cut: projections.groups(account, cut)
    )


@operation(
    "POST",
    "/v1/groups",
    Says(
        answer=GroupView,
        status=201,
        body=_NEW.body.type,
        headers=("Location", "Version"),
        accepted=True,
    ),
)
async def post_group(call: Caller) -> Response:
    """Add a group."""
    done = await call.act(await _NEW.read(call.request))
    return await _shown(call, done, done.id or "", made=True)


@operation(
    "GET", "/v1/groups/{group}", Says(answer=GroupView, codes=(_UNKNOWN,), headers=("Version",))
)
async def get_group(group: PathId, call: Caller) -> Response:
    """Show a group."""
    call.require("group:read")
    projections = call.services.projections
    return await call.show(lambda: projections.group(call.viewer.account, group), _UNKNOWN)


@operation(
    "PATCH",
    "/v1/groups/{group}",
    Says(
        answer=GroupView,
        body=_CHANGE.body.type,
        codes=(_UNKNOWN,),
        headers=("Version",),
        accepted=True,
    ),
)
async def patch_group(group: PathId, call: Caller) -> Response:
    """Rename a group."""
    done = await call.act(await _CHANGE.read(call.request, group=group))
    return await _shown(call, done, group)


@operation(
    "DELETE",
    "/v1/groups/{group}",
    Says(status=204, codes=(_UNKNOWN, "group_busy"), headers=("Version",)),
)
async def delete_group(group: PathId, call: Caller) -> Response:
    """Remove a group that has no open chat; its desks stay."""
    return await call.done(await call.act(RemoveGroup(group=group)))


async def _shown(call: Call, done: Answer, group: str, *, made: bool = False) -> Response:
    projections, account = call.services.projections, call.viewer.account
    location = f"/v1/groups/{group}" if made else None
    return await call.show_written(
        done, lambda: projections.group(account, group), location=location
    )
