"""What a field can hold, in words."""

import ast
import inspect
import json
import textwrap
from typing import Any, get_args

import msgspec
from msgspec import inspect as kinds
from msgspec import structs
from msgspec.structs import FieldInfo

from api.live.frames import Frame
from docs.generate.markdown import anchor, code
from schemas.actions import ActionData
from schemas.events import EventData
from schemas.signals import SignalData

PAGE_OF: dict[type, str] = {}
"""On which page a struct is described; the pages of records fill it."""

_KINDS = (ActionData, EventData, SignalData, Frame)
_MANY = 5


def describe(kind: kinds.Type) -> str:
    """A type in words, with its limits."""
    match kind:
        case kinds.Metadata(type=inner):
            return describe(inner)
        case kinds.StrType():
            return "text" + _in_brackets(_length(kind), _pattern(kind))
        case kinds.IntType() | kinds.FloatType():
            word = "integer" if isinstance(kind, kinds.IntType) else "number"
            return word + _in_brackets(_range(kind))
        case kinds.BoolType():
            return "true or false"
        case kinds.NoneType():
            return "null"
        case kinds.LiteralType(values=values):
            return ", ".join(code(value) for value in values)
        case kinds.UnionType(types=types):
            return " or ".join(describe(each) for each in types)
        case kinds.StructType(cls=cls):
            return link(cls)
        case kinds.VarTupleType(item_type=item) | kinds.ListType(item_type=item):
            return f"list of {describe(item)}" + _in_brackets(_length(kind))
        case kinds.DictType(key_type=key, value_type=value):
            return f"object of {describe(key)} to {describe(value)}"
        case kinds.BytesType():
            return "bytes"
        case kinds.AnyType():
            return "anything"
    raise TypeError(f"the reference has no words for {kind}")


def link(cls: type[msgspec.Struct]) -> str:
    """The title of a struct, linked to its description if there is one."""
    page = PAGE_OF.get(cls)
    return f"[{title(cls)}]({page}#{anchor(title(cls))})" if page else code(title(cls))


def title(cls: type[msgspec.Struct]) -> str:
    """What a struct is called: by its kind if it is one of several, else by its name."""
    tag = cls.__struct_config__.tag
    return str(tag) if tag and issubclass(cls, _KINDS) else cls.__name__


def personal(kind: kinds.Type) -> bool:
    """Whether a value is marked as personal content."""
    match kind:
        case kinds.Metadata(type=inner, extra_json_schema=extra):
            return bool(extra and extra.get("x-personal")) or personal(inner)
        case kinds.UnionType(types=types):
            return any(personal(each) for each in types)
    return False


def fields(cls: type[msgspec.Struct]) -> tuple[FieldInfo, ...]:
    """The fields of a struct, in order."""
    return structs.fields(cls)


def value(field: FieldInfo) -> str:
    """What a field can hold, in words."""
    members = get_args(field.type)
    if members and all(isinstance(each, type(msgspec.Struct)) for each in members):
        if len(members) > _MANY:
            return f"one of [the kinds]({PAGE_OF[members[0]]})"
        return " or ".join(map(link, members))
    return describe(kinds.type_info(field.type))


def is_personal(field: FieldInfo) -> bool:
    """Whether a field is marked as personal content."""
    members = get_args(field.type)
    if members and all(isinstance(each, type(msgspec.Struct)) for each in members):
        return False
    return personal(kinds.type_info(field.type))


def default(field: FieldInfo) -> str:
    """The value that a field has when it is left out; empty when it must be given."""
    if field.required:
        return ""
    given = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return code(json.dumps(msgspec.to_builtins(given)))


def field_docs(cls: type) -> dict[str, str]:
    """The docstrings that stand under a class's fields."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = inspect.cleandoc(text)
    return docs


def _in_brackets(*limits: str) -> str:
    given = ", ".join(limit for limit in limits if limit)
    return f" ({given})" if given else ""


def _length(kind: Any) -> str:
    low, high = kind.min_length, kind.max_length
    unit = "characters" if isinstance(kind, kinds.StrType) else "items"
    if high is None:
        return f"at least {low:,} {unit}" if low else ""
    return f"{low:,} to {high:,} {unit}" if low else f"at most {high:,} {unit}"


def _pattern(kind: kinds.StrType) -> str:
    return f"matches {code(kind.pattern)}" if kind.pattern else ""


def _range(kind: kinds.IntType | kinds.FloatType) -> str:
    bounds = {"at least": kind.ge, "more than": kind.gt, "at most": kind.le, "less than": kind.lt}
    return ", ".join(
        f"{word} {_number(bound)}" for word, bound in bounds.items() if bound is not None
    )


def _number(value: float) -> str:
    if isinstance(value, int) and value >= 1 << 40 and value & (value - 1) == 0:
        return f"2^{value.bit_length() - 1}"
    return f"{value:,}"
