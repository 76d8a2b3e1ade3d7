"""The AsyncAPI document of the topics, from the records and the topics' settings."""

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from docs.generate.topic_examples import ACTION, DECISION, FENCE, SIGNAL, headers
from schemas.actions import Action
from schemas.decisions import Decision, Fence
from schemas.record import Record
from schemas.signals import Signal
from streams.kafka_connection import KafkaTopic
from streams.settings import Settings
from streams.topics import KAFKA_TOPICS, Layout, wanted

JsonObject = dict[str, Any]

VERSION: Final = "1"

DESCRIPTION: Final = """\
What other systems can read of Deskstream in a cluster. Nobody but Deskstream writes to these \
topics: an action that the API did not check may be refused, or worse, done.

Not every decision on `events` counts. A reader accepts a decision if its `fence` is the newest \
fence that the reader has seen and its `source` is the last accepted source + 1, and ignores all \
others; the page about topics explains why, and the repository has an example.

Later versions may add fields and kinds of records: ignore those that you do not know."""

ABOUT: Final[dict[KafkaTopic, str]] = {
    "actions": "What somebody wants, in the order in which it is decided.",
    "events": "What was decided: the truth. Decisions, and the fences of those who decide.",
    "signals": "What is true for a moment only: who types, places in queues.",
    "visits": "Page views. No decision depends on them.",
    "snapshots": "States of deciders, for their own use: in no form that others could rely on.",
}

_RECORDS: Final[dict[KafkaTopic, tuple[type[Record], ...]]] = {
    "actions": (Action,),
    "events": (Decision, Fence),
    "signals": (Signal,),
    "visits": (),
    "snapshots": (),
}
_EXAMPLES: Final[dict[type[Record], Record]] = {
    Action: ACTION,
    Decision: DECISION,
    Fence: FENCE,
    Signal: SIGNAL,
}
_ACCOUNT_KEY: Final = {"type": "string", "description": "The account."}
_TEXT: Final = {"type": "string"}


def text() -> str:
    """The document as JSON."""
    return json.dumps(document(), indent=2) + "\n"


def document() -> JsonObject:
    """The AsyncAPI 3.0 document."""
    records = [record for each in _RECORDS.values() for record in each]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Deskstream's topics",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "cluster": {
                "host": "localhost:9092",
                "protocol": "kafka",
                "description": "The brokers that the setting `kafka` names.",
            }
        },
        "channels": {topic: _channel(topic) for topic in KAFKA_TOPICS},
        "operations": {f"write{topic.capitalize()}": _operation(topic) for topic in KAFKA_TOPICS},
        "components": {
            "messages": {
                **{record.__name__: _message(record) for record in records},
                "Visit": _visit(),
                "Snapshot": _snapshot(),
            },
            "schemas": _schemas(records),
        },
    }


def _messages(topic: KafkaTopic) -> Sequence[str]:
    names = [record.__name__ for record in _RECORDS[topic]]
    return names or [topic.removesuffix("s").capitalize()]


def _channel(topic: KafkaTopic) -> JsonObject:
    settings = {each.name: each.value for each in wanted(topic, Layout(1))}
    # The binding knows these settings alone, and wants numbers and lists.
    names = ("cleanup.policy", "retention.ms", "retention.bytes", "max.message.bytes")
    configuration: JsonObject = {name: settings[name] for name in names if name in settings}
    configuration["cleanup.policy"] = [settings["cleanup.policy"]]
    partitions = Settings.model_fields["partitions"].default
    return {
        "address": f"{Settings.model_fields['kafka_prefix'].default}{topic}",
        "title": topic,
        "description": ABOUT[topic],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(topic)},
        "bindings": {
            "kafka": {
                "partitions": partitions,
                "topicConfiguration": configuration,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(topic: KafkaTopic) -> JsonObject:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": ABOUT[topic],
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in _messages(topic)],
    }


def _message(record: type[Record]) -> JsonObject:
    example = _EXAMPLES[record]
    message = {
        "name": record.__name__,
        "title": record.__name__,
        "summary": (record.__doc__ or "").split("\n", maxsplit=1)[0],
        "contentType": "application/json",
        "headers": _headers(key=record is not Fence),
        "payload": {"$ref": f"#/components/schemas/{record.__name__}"},
        "examples": [{"headers": headers(example), "payload": msgspec.to_builtins(example)}],
    }
    if record is not Fence:
        message["bindings"] = {"kafka": {"key": _ACCOUNT_KEY, "bindingVersion": "0.5.0"}}
    return message


def _visit() -> JsonObject:
    return {
        "name": "Visit",
        "title": "Visit",
        "summary": "A page view. Nothing is written here yet.",
        "contentType": "application/json",
        "headers": _headers(key=True),
        "payload": {
            "type": "object",
            "properties": {"account": _TEXT, "at": {"type": "integer"}},
            "required": ["account", "at"],
        },
        "bindings": {"kafka": {"key": _ACCOUNT_KEY, "bindingVersion": "0.5.0"}},
    }


def _snapshot() -> JsonObject:
    return {
        "name": "Snapshot",
        "title": "Snapshot",
        "summary": ABOUT["snapshots"],
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
    }


def _headers(*, key: bool) -> JsonObject:
    """The schema of a message's headers: attributes of CloudEvents 1.0, binary mode."""
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"]
    properties: JsonObject = dict.fromkeys(required, _TEXT)
    properties["ce_specversion"] = {"const": "1.0"}
    properties["ce_time"] = {"type": "string", "format": "date-time"}
    if key:
        properties |= {"ce_partitionkey": _TEXT, "ce_subject": _TEXT, "traceparent": _TEXT}
    return {"type": "object", "properties": properties, "required": required}


def _schemas(records: Sequence[type[Record]]) -> JsonObject:
    _, schemas = msgspec.json.schema_components(records, ref_template="#/components/schemas/{name}")
    return {name: _as_asyncapi(schema) for name, schema in sorted(schemas.items())}


def _as_asyncapi(schema: Any) -> Any:
    """The schema with AsyncAPI's discriminator, and open to fields of later versions."""
    match schema:
        case dict():
            return {
                name: value["propertyName"] if name == "discriminator" else _as_asyncapi(value)
                for name, value in schema.items()
                if not (name == "additionalProperties" and value is False)
            }
        case list():
            return [_as_asyncapi(each) for each in schema]
    return schema
