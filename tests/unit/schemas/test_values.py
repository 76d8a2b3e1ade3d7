"""Values that records share."""

from msgspec import inspect, json

from schemas.actions import Action
from schemas.events import Event
from schemas.values import operator_audience, visitor_audience

PERSONAL_FIELDS = {
    "name": {"AddOperator", "ChangeOperator", "AddVisitor", "ChangeVisitor", "FileContent"},
    "login": {"AddOperator"},
    "email": {"AddVisitor", "ChangeVisitor"},
    "text": {"TextContent"},
    "subject": {"RequestChat"},
    "src": {"FileContent", "ImageContent"},
}


def test_audience_entries_name_whom_they_mean() -> None:
    assert operator_audience("o1") == "operator:o1"
    assert visitor_audience("v1") == "visitor:v1"


def personal_fields(kind: type) -> dict[str, set[str]]:
    """Which structs have a personal field of which name."""
    found: dict[str, set[str]] = {}
    _, components = json.schema_components([kind], ref_template="{name}")
    for struct, schema in components.items():
        for field, shape in schema.get("properties", {}).items():
            options = shape.get("anyOf", [shape])
            if any(option.get("x-personal") for option in options):
                found.setdefault(field, set()).add(struct)
    return found


def test_personal_content_is_marked_as_such_in_the_schema_of_actions() -> None:
    assert personal_fields(Action) == PERSONAL_FIELDS


def test_personal_content_is_marked_as_such_in_the_schema_of_events() -> None:
    assert personal_fields(Event) == {
        "name": {
            "OperatorAdded",
            "OperatorChanged",
            "VisitorAdded",
            "VisitorChanged",
            "FileContent",
        },
        "login": {"OperatorAdded"},
        "email": {"VisitorAdded", "VisitorChanged"},
        "text": {"TextContent"},
        "subject": {"ChatRequested"},
        "src": {"FileContent", "ImageContent"},
    }


def test_actions_are_imperative_and_events_past_tense() -> None:
    past = {"read", "left"}
    data = {field.name: field.type for field in _fields(Event)}["data"]
    assert isinstance(data, inspect.UnionType)
    for kind in data.types:
        assert isinstance(kind, inspect.StructType)
        last = str(kind.tag).split("_")[-1]
        assert last.endswith("ed") or last in past | {"set"}


def _fields(kind: type) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info.fields
