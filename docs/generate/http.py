"""The page about the HTTP API, from its OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.app import RESOURCES
from api.openapi import TAGS, describe
from docs.generate.markdown import code, table

JsonObject = dict[str, Any]

_PROBLEM = "application/problem+json"


def page() -> str:
    """Every operation: what it takes and what it answers."""
    api = document()
    parts = [
        "# The HTTP API\n",
        "A running server has this as an OpenAPI document at `/openapi.json`, with all schemas "
        "and examples, and shows it under `/docs`.\n",
        api["info"]["description"],
    ]
    for tag, meaning in TAGS:
        parts.append(f"## {tag}\n\n{meaning}\n")
        parts += [
            _section(api, method, path, operation)
            for method, path, operation in operations(api)
            if tag in operation["tags"]
        ]
    return "\n".join(parts)


def document() -> JsonObject:
    """The OpenAPI document of the routes, without a server around them."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for resource in RESOURCES:
        app.router.routes.extend(resource.router.routes)
    return describe(app, [record for resource in RESOURCES for record in resource.records])


def operations(api: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """Method, path and operation, in the document's order."""
    for path, item in api["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def _section(api: JsonObject, method: str, path: str, operation: JsonObject) -> str:
    parameters = [_resolved(api, each) for each in operation.get("parameters", [])]
    parts = [f"### {method} {path}\n", _text(operation)]
    if parameters:
        rows = [
            [
                code(each["name"]),
                each["in"] + ("" if each.get("required") else ", optional"),
                _value(each["schema"]),
                each.get("description", ""),
            ]
            for each in parameters
        ]
        parts.append(table(["parameter", "in", "value", "meaning"], rows))
    if "requestBody" in operation:
        parts.append(f"Body: {_contents(operation['requestBody'])}\n")
    rows = [
        [status, _contents(answer), answer["description"]]
        for status, answer in operation["responses"].items()
        if _PROBLEM not in answer.get("content", {})
    ]
    parts.append(table(["status", "answer", "meaning"], rows))
    parts.append(f"Problems: {_problems(operation)}.\n")
    return "\n".join(parts)


def _problems(operation: JsonObject) -> str:
    codes = [
        f"{code(name)} ({status})"
        for status, answer in operation["responses"].items()
        for name in answer.get("content", {}).get(_PROBLEM, {}).get("examples", {})
    ]
    return ", ".join(codes) or "none"


def _text(operation: JsonObject) -> str:
    return str(operation.get("description") or operation["summary"]) + "\n"


def _resolved(api: JsonObject, parameter: JsonObject) -> JsonObject:
    if "$ref" not in parameter:
        return parameter
    name = parameter["$ref"].rpartition("/")[2]
    resolved: JsonObject = api["components"]["parameters"][name]
    return resolved


def _contents(message: JsonObject) -> str:
    described = []
    for media_type, content in message.get("content", {}).items():
        schema = content.get("schema", {})
        described.append(_value(schema) if media_type == "application/json" else code(media_type))
    return " or ".join(described)


def _value(schema: JsonObject) -> str:
    if "$ref" in schema:
        return code(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_value(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_value(schema['items'])}"
    return str(schema.get("type", "anything")) + _limits(schema)


def _limits(schema: JsonObject) -> str:
    words = {
        "minimum": "at least {:,}",
        "exclusiveMinimum": "more than {:,}",
        "maximum": "at most {:,}",
        "minLength": "at least {:,} characters",
        "maxLength": "at most {:,} characters",
        "pattern": "matches `{}`",
    }
    limits = [text.format(schema[key]) for key, text in words.items() if key in schema]
    return f" ({', '.join(limits)})" if limits else ""
