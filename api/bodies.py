"""Bodies: JSON in, a record out, strictly; one vocabulary with the actions.

A body is an action without what the path says (`ActionBody`), or a record of the API's own.
"""

import re
from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from api.problems import InvalidPart, Problem
from schemas.actions import ActionData

T = TypeVar("T")
A = TypeVar("A", bound=ActionData)

_ESCAPED_NUL = b"\\u0000"
_WHERE = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[^\]]*)\]")
_MISSING = re.compile(r"(?:missing required|unknown) field `(?P<name>[^`]*)`")


class JsonBody(Generic[T]):
    """Reads bodies of one type. Raises Problem for everything that is not one."""

    def __init__(self, type_: type[T]) -> None:
        self.type = type_
        self._decoder = msgspec.json.Decoder(type_)

    async def read(self, request: Request) -> T:
        """The body of a request, which must be application/json."""
        media_type = request.headers.get("content-type", "")
        if media_type != "application/json":
            _check_media_type(media_type)
        return self.decode(await _body(request))

    def decode(self, body: bytes) -> T:
        """The record in these bytes."""
        try:
            value = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Problem("invalid", errors=(_part(str(error)),)) from error
        except RecursionError as error:
            raise Problem("malformed_json", "It is nested too deeply.") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem("malformed_json", str(error)) from error
        if _ESCAPED_NUL in body:
            refuse_nul(value)
        return value


class ActionBody(Generic[A]):
    """The body that makes an action: all its fields but those that the path gives."""

    def __init__(self, action: type[A], *from_path: str) -> None:
        fields = [f for f in msgspec.structs.fields(action) if f.name not in from_path]
        self._action = action
        self._names = tuple(field.name for field in fields)
        self.body: JsonBody[Any] = JsonBody(
            msgspec.defstruct(
                f"{action.__name__}Body",
                [_definition(field) for field in fields],
                namespace={"__doc__": action.__doc__},
                kw_only=True,
                frozen=True,
                forbid_unknown_fields=True,
            )
        )

    async def read(self, request: Request, **path: str) -> A:
        """The action that a request asks for. Raises Problem."""
        body = await self.body.read(request)
        return self._action(**path, **{name: getattr(body, name) for name in self._names})


def refuse_nul(value: object) -> None:
    """Raise Problem `nul_in_text` for a text that PostgreSQL cannot store."""
    _search_nul(msgspec.to_builtins(value), "")


def _search_nul(value: object, pointer: str) -> None:
    if isinstance(value, str) and "\x00" in value:
        part = InvalidPart(detail="It contains U+0000.", pointer=pointer)
        raise Problem("nul_in_text", errors=(part,))
    if isinstance(value, dict):
        for name, item in value.items():
            _search_nul(item, f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _search_nul(item, f"{pointer}/{index}")


async def _body(request: Request) -> bytes:
    """All of the body. (Request.body does the same through a generator, at thrice the cost.)"""
    message = await request.receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await request.receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return body


def _check_media_type(media_type: str) -> None:
    name, _, parameters = media_type.partition(";")
    charset = parameters.strip().lower()
    if name.strip().lower() != "application/json" or charset not in (
        "",
        "charset=utf-8",
        'charset="utf-8"',
    ):
        raise Problem("unsupported_media_type")


def _definition(field: msgspec.structs.FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.default is not msgspec.NODEFAULT:
        return field.name, field.type, field.default
    return field.name, field.type


def _part(message: str) -> InvalidPart:
    """msgspec's message, which ends in a path such as `$.content.text`, with a JSON pointer."""
    match = _WHERE.fullmatch(message)
    assert match is not None, "the pattern takes any text"
    steps = [step["name"] or step["index"] for step in _STEP.finditer(match["path"] or "")]
    missing = _MISSING.search(match["what"])
    if missing is not None:
        steps.append(missing["name"])
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return InvalidPart(detail=match["what"], pointer=pointer)
