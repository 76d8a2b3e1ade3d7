"""Which request says an action: the public API's routes for those that the simulator does."""

from typing import Any, NamedTuple

import msgspec

from schemas import actions as a
from schemas import codec
from schemas.actions import AnyAction


class Route(NamedTuple):
    """A request. `body` is None where the path says it all."""

    method: str
    path: str
    body: dict[str, Any] | None = None


def route_of(data: AnyAction) -> Route:
    """The request for an action. Raises NotImplementedError for one that has another way."""
    match data:
        case a.RequestChat():
            return Route("POST", "/v1/chats", _body(data, "visitor"))
        case a.JoinChat(chat=chat):
            return Route("POST", f"/v1/chats/{chat}/join", _body(data, "chat"))
        case a.LeaveChat(chat=chat):
            return Route("POST", f"/v1/chats/{chat}/leave")
        case a.PostMessage(chat=chat):
            return Route("POST", f"/v1/chats/{chat}/messages", _body(data, "chat"))
        case a.Transfer(chat=chat):
            return Route("POST", f"/v1/chats/{chat}/transfer", _body(data, "chat"))
        case a.MarkRead(chat=chat):
            return Route("POST", f"/v1/chats/{chat}/read", _body(data, "chat"))
        case a.CloseChat(chat=chat):
            return Route("POST", f"/v1/chats/{chat}/close")
        case _:
            return _staff_route(data)


def _staff_route(data: AnyAction) -> Route:
    match data:
        case a.SetAvailability(operator=operator):
            path = f"/v1/operators/{operator}/availability"
            return Route("PUT", path, _body(data, "operator"))
        case a.PauseOperator(operator=operator):
            return Route("POST", f"/v1/operators/{operator}/pause")
        case a.ActivateOperator(operator=operator):
            return Route("POST", f"/v1/operators/{operator}/activate")
        case a.RemoveOperator(operator=operator):
            return Route("DELETE", f"/v1/operators/{operator}")
        case a.ChangeSettings():
            return Route("PATCH", "/v1/account", _body(data))
        case a.AddDesk():
            return Route("POST", "/v1/desks", _body(data))
        case a.ChangeDesk(desk=desk):
            return Route("PATCH", f"/v1/desks/{desk}", _body(data, "desk"))
        case a.StaffDesk(desk=desk, operator=operator):
            return Route("PUT", f"/v1/desks/{desk}/staff/{operator}")
        case a.LeaveDesk(desk=desk, operator=operator):
            return Route("DELETE", f"/v1/desks/{desk}/staff/{operator}")
        case a.AddGroup():
            return Route("POST", "/v1/groups", _body(data))
        case _:
            raise NotImplementedError(type(data).__name__)


def _body(data: AnyAction, *path: str) -> dict[str, Any]:
    """An action's fields, without its type and those that the path gives."""
    fields: dict[str, Any] = msgspec.json.decode(codec.encode(data))
    return {name: value for name, value in fields.items() if name not in (*path, "type")}
