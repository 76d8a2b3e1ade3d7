"""The pages about records: actions, events, and what stands in or around them."""

from collections.abc import Iterable
from types import ModuleType
from typing import get_args

import msgspec

from api.live.frames import FRAMES
from docs.generate.markdown import code, docstring, table
from docs.generate.values import (
    PAGE_OF,
    default,
    field_docs,
    fields,
    is_personal,
    title,
    value,
)
from schemas import actions as action_records
from schemas import decisions, refusals, signals, values, views
from schemas import events as event_records
from schemas.record import Record

_ACTIONS = get_args(action_records.AnyAction)
_EVENTS = get_args(event_records.AnyEvent)


def actions() -> str:
    """What somebody can want."""
    return _page(
        "Actions",
        "What somebody wants, as the topic `actions` holds it: the envelope says who and when, "
        "`data` says what. `data.type` names the kind. "
        "What clients send over WebSocket is `data` alone; the rest is set by the API.",
        [action_records.Action, *_ACTIONS],
    )


def events() -> str:
    """What can have been decided."""
    return _page(
        "Events",
        "What was decided, as decisions on the topic `events` carry it and as clients receive it "
        "(without `audience`). `data.type` names the kind. The id of a thing is the id of the "
        "event that made it.",
        [event_records.Event, *_EVENTS],
    )


def frames() -> str:
    """What a live connection sends."""
    return _page(
        "Live frames",
        "What a client that follows is sent, over server-sent events (`event` is the type, `id` "
        "the cursor), WebSocket (one text message each) and long poll (elements of a list). "
        "`prev` names the frame before, so a client can prove that it missed nothing.",
        FRAMES,
    )


def others() -> str:
    """Everything else that is written to the log or shown to a client."""
    parts = [
        "# Records\n",
        "Everything else that is written to the log, stands inside of actions and events, or is "
        "shown to a client. Records are JSON in UTF-8; unknown fields are an error; fields that "
        "hold their default are not written. Times are milliseconds since 1970 (UTC).",
        _FIELDS,
    ]
    for heading, module in _OTHERS.items():
        parts.append(f"## {heading}\n")
        parts += [_section(cls, level=3) for cls in _structs(module)]
    return "\n".join(parts)


_FIELDS = "A field without a default has to be given.\n"

_OTHERS = {
    "Values": values,
    "Decisions and fences": decisions,
    "Refusals": refusals,
    "Signals": signals,
    "Views": views,
}

_UNSEEN = {
    Record,
    action_records.ActionData,
    event_records.EventData,
    signals.SignalData,
    views.StoredEvent,
}
"""What nobody sees as it is: bases, and how resume keeps an event."""


def _page(heading: str, text: str, classes: Iterable[type[msgspec.Struct]]) -> str:
    sections = [_section(cls, level=2) for cls in classes]
    return "\n".join([f"# {heading}\n", text, _FIELDS, *sections])


def _section(cls: type[msgspec.Struct], level: int) -> str:
    docs = field_docs(cls)
    rows = [
        [
            code(field.encode_name),
            value(field),
            default(field),
            docs.get(field.name, "") + (" Personal content." if is_personal(field) else ""),
        ]
        for field in fields(cls)
    ]
    tag = cls.__struct_config__.tag
    heading = f"{'#' * level} {title(cls)}\n"
    kind = f'`"type": "{tag}"`\n' if tag and tag != title(cls) else ""
    contents = table(["field", "value", "default", "meaning"], rows) if rows else "No fields.\n"
    return "\n".join(part for part in (heading, kind, docstring(cls), contents) if part)


def _structs(module: ModuleType) -> list[type[msgspec.Struct]]:
    return [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, msgspec.Struct)
        and thing.__module__ == module.__name__
        and thing not in _UNSEEN
    ]


PAGE_OF.update(dict.fromkeys((action_records.Action, *_ACTIONS), "actions.md"))
PAGE_OF.update(dict.fromkeys((event_records.Event, *_EVENTS), "events.md"))
PAGE_OF.update(dict.fromkeys(FRAMES, "live.md"))
for _module in _OTHERS.values():
    PAGE_OF.update(dict.fromkeys(_structs(_module), "records.md"))
