"""The page about settings."""

import json
from typing import Any

from pydantic.fields import FieldInfo

from docs.generate.markdown import code, table
from streams.settings import PREFIX, Settings


def page() -> str:
    """Every setting, from the model and its JSON schema."""
    schema = Settings.model_json_schema()["properties"]
    rows = [
        [
            code(PREFIX + name.upper()),
            _value(schema[name]),
            _default(field),
            field.description or "",
        ]
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings\n",
            "Settings come from the environment. A wrong value, and a variable of this prefix "
            "that is none of these, is refused at start.\n",
            table(["variable", "value", "default", "meaning"], rows),
        ]
    )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == "":
        return ""
    return code(json.dumps(value, default=str).strip('"'))


def _value(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_value(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    match schema.get("type"):
        case "array":
            return "JSON list"
        case "boolean":
            return "`true` or `false`"
        case "string":
            kind = "path" if schema.get("format") == "path" else "text"
            minimum = schema.get("minLength")
            return f"{kind} (at least {minimum} characters)" if minimum else kind
        case kind:
            return str(kind) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    bounds = [f"{word} {schema[key]:,}" for key, word in words.items() if key in schema]
    return f" ({', '.join(bounds)})" if bounds else ""
