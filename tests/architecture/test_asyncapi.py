"""The AsyncAPI document keeps the rules of AsyncAPI 3.0, and describes what is on the topics."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from docs.generate.asyncapi import document
from docs.generate.topics import page
from schemas import codec
from schemas.actions import AnyAction
from schemas.events import AnyEvent
from streams.cloudevents import headers_of
from streams.topics import KAFKA_TOPICS
from tests.support.domain import World, given, open_chat, post_message

DOCUMENT = json.loads(json.dumps(document()))
COMPONENTS = DOCUMENT["components"]

_ALLOWED = {
    "": {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations",
         "components"},
    "channel": {"address", "title", "description", "messages", "bindings"},
    "operation": {"action", "channel", "summary", "messages"},
    "message": {"name", "title", "summary", "contentType", "headers", "payload", "bindings",
                "examples"},
}  # fmt: skip
"""The fields that we use, all of which AsyncAPI 3.0 knows."""


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    match node:
        case dict():
            yield node
            for each in node.values():
                yield from nodes(each)
        case list():
            for each in node:
                yield from nodes(each)


def resolved(reference: str) -> Any:
    found = DOCUMENT
    assert reference.startswith("#/")
    for step in reference[2:].split("/"):
        found = found[step]
    return found


def validator(schema: dict[str, Any]) -> Any:
    return jsonschema_rs.validator_for({**schema, "components": COMPONENTS})


def payload(name: str) -> Any:
    return validator(COMPONENTS["messages"][name]["payload"])


def a_day() -> World:
    return given(open_chat("c1", desk="sales")).when(post_message("c1", by="ana")).world


def test_the_document_has_the_form_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) <= _ALLOWED[""]
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert set(DOCUMENT["channels"]) == set(KAFKA_TOPICS)
    for kind, things in (
        ("channel", DOCUMENT["channels"]),
        ("operation", DOCUMENT["operations"]),
        ("message", COMPONENTS["messages"]),
    ):
        for thing in things.values():
            assert set(thing) <= _ALLOWED[kind]
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= set(server)


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert references
    for reference in references:
        assert isinstance(resolved(reference), dict)


def test_an_operation_sends_messages_of_its_channel_by_way_of_the_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] == "send"
        channel = operation["channel"]["$ref"]
        assert channel.startswith("#/channels/")
        assert operation["messages"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


def test_discriminators_are_names_and_nothing_is_closed_to_later_fields() -> None:
    schemas = [*nodes(COMPONENTS["schemas"])]
    assert all(
        isinstance(node["discriminator"], str) for node in schemas if "discriminator" in node
    )
    assert not any(node.get("additionalProperties") is False for node in schemas)


def test_every_schema_is_one() -> None:
    for name, schema in COMPONENTS["schemas"].items():
        assert validator(schema), name


def test_every_example_is_what_its_message_says() -> None:
    examples = 0
    for message in COMPONENTS["messages"].values():
        for example in message.get("examples", ()):
            validator(message["payload"]).validate(example["payload"])
            validator(message["headers"]).validate(example["headers"])
            examples += 1
    assert examples == 4


def test_what_deciders_write_is_what_the_document_says() -> None:
    world = a_day()
    decisions = payload("Decision")
    described = validator(COMPONENTS["messages"]["Decision"]["headers"])
    for decision in world.decisions:
        value = codec.encode(decision)
        decisions.validate(json.loads(value))
        described.validate({name: text.decode() for name, text in headers_of("events", value)})


def test_a_document_of_another_kind_is_none() -> None:
    decision = json.loads(codec.encode(a_day().decisions[-1]))
    del decision["source"]
    assert not payload("Decision").is_valid(decision)


@pytest.mark.parametrize("union", [AnyAction, AnyEvent])
def test_every_kind_is_described(union: Any) -> None:
    assert {kind.__name__ for kind in union.__args__} <= set(COMPONENTS["schemas"])


def test_every_topic_and_header_is_on_the_page() -> None:
    text = page()
    assert [topic for topic in KAFKA_TOPICS if f"\n| `{topic}` | " not in text] == []
    world = a_day()
    for decision in world.decisions:
        for name, _ in headers_of("events", codec.encode(decision)):
            assert f"\n| `{name}` | " in text
