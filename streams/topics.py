"""The topics of a Kafka cluster: what they must be like, making them, and checking them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from streams.kafka_connection import KafkaConnection, KafkaTopic
from streams.log.errors import LogMisfit, LogUnavailable
from streams.settings import Settings

KAFKA_TOPICS: Final[tuple[KafkaTopic, ...]] = (
    "actions",
    "events",
    "signals",
    "visits",
    "snapshots",
)

_APPEND_BYTES: Final = 8 << 20
_FRAMING_BYTES: Final = 1 << 20
_UNBOUNDED: Final = -1
_MINUTE: Final = 60_000
_DAY: Final = 24 * 60 * _MINUTE
_DEADLINE: Final = 30.0


class Wanted(NamedTuple):
    """A topic's setting: the value it is made with, and the values that will do."""

    name: str
    value: int | str
    rule: Literal["is", "at least"] = "at least"
    least: int | None = None

    def problem(self, found: str | None) -> str | None:
        """What is wrong with the value that the cluster has."""
        if found is None:
            return f"{self.name} is not known to the cluster"
        if self.rule == "is":
            well = found == str(self.value)
        else:
            least = self.least if self.least is not None else int(self.value)
            number = int(found)
            well = number == _UNBOUNDED or number >= least != _UNBOUNDED
        if well:
            return None
        bound = "" if self.rule == "is" or self.value == _UNBOUNDED else "at least "
        wanted = self.least if self.least is not None else self.value
        return f"{self.name} is {found} and should be {bound}{wanted}"


class Layout(NamedTuple):
    """What the topics are made for. `record_bytes`: the largest record."""

    partitions: int
    replication: int = 1
    record_bytes: int = 1 << 20

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The layout that the settings describe."""
        return cls(settings.partitions, settings.kafka_replication, settings.max_record)


def append_bytes(record_bytes: int) -> int:
    """The largest append, in bytes of its values."""
    return max(_APPEND_BYTES, record_bytes)


def batch_bytes(record_bytes: int) -> int:
    """The largest batch that the topics take (max.message.bytes): values, headers and framing."""
    return append_bytes(record_bytes) + _FRAMING_BYTES


def wanted(topic: KafkaTopic, layout: Layout) -> list[Wanted]:
    """The settings of a topic.

    Events are kept for ever: they are the truth. One replica may be down while the others take
    appends, and none that lags behind may become leader, since it would forget what is
    acknowledged.
    """
    return [
        Wanted("max.message.bytes", batch_bytes(layout.record_bytes)),
        Wanted("min.insync.replicas", max(1, layout.replication - 1)),
        Wanted("unclean.leader.election.enable", "false", "is"),
        Wanted("message.timestamp.type", "CreateTime", "is"),
        *_retention(topic),
    ]


def _retention(topic: KafkaTopic) -> list[Wanted]:
    kept = [Wanted("cleanup.policy", "delete", "is"), Wanted("retention.bytes", _UNBOUNDED)]
    match topic:
        case "actions":
            return [*kept, Wanted("retention.ms", 30 * _DAY, least=7 * _DAY)]
        case "events":
            return [*kept, Wanted("retention.ms", _UNBOUNDED)]
        case "visits":
            return [*kept, Wanted("retention.ms", 7 * _DAY, least=_DAY)]
        case "signals":
            segment = Wanted("segment.ms", _MINUTE, least=_MINUTE)
            return [*kept, Wanted("retention.ms", 5 * _MINUTE, least=_MINUTE), segment]
        case "snapshots":
            segment = Wanted("segment.ms", 10 * _MINUTE, least=_MINUTE)
            return [Wanted("cleanup.policy", "compact", "is"), segment]


async def create(connection: KafkaConnection, layout: Layout) -> list[str]:
    """Make the topics that are missing; their names. Raises LogUnavailable, LogMisfit."""
    new = [
        NewTopic(
            connection.topic(topic),
            layout.partitions,
            layout.replication,
            topic_configs={each.name: str(each.value) for each in wanted(topic, layout)},
        )
        for topic in KAFKA_TOPICS
    ]
    async with administering(connection) as admin:
        response: Any = await admin.create_topics(new)
        created = _created(response)
        await _await_leaders(admin, created)
    return created


def _created(response: Any) -> list[str]:
    """The names of those that were made. Raises LogMisfit."""
    created, failed = [], []
    for name, code, message in response.topic_errors:
        error = for_code(code)
        if error is NoError:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            failed.append(f"topic {name}: {message or error.__name__}")
    if failed:
        raise LogMisfit("; ".join(failed))
    return created


async def _await_leaders(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Brokers learn of new topics one after the other."""
    while True:
        described = await admin.describe_topics(names)
        partitions = [each for topic in described for each in topic["partitions"]]
        errors = [each["error_code"] for each in [*described, *partitions]]
        if all(for_code(code) is NoError for code in errors):
            return
        await asyncio.sleep(0.02)


async def problems(connection: KafkaConnection, layout: Layout) -> list[str]:
    """What is missing or wrong with the topics, one line for each. Raises LogUnavailable."""
    names = {connection.topic(topic): topic for topic in KAFKA_TOPICS}
    async with administering(connection) as admin:
        described = {each["topic"]: each for each in await admin.describe_topics([*names])}
        there = [name for name in names if for_code(described[name]["error_code"]) is NoError]
        settings = await _settings(admin, there)
    found: list[str] = []
    for name, topic in names.items():
        if name not in there:
            found.append(f"topic {name} is missing")
            continue
        partitions = len(described[name]["partitions"])
        if partitions != layout.partitions:
            found.append(
                f"topic {name}: it has {partitions} partitions and should have {layout.partitions}"
            )
        for each in wanted(topic, layout):
            problem = each.problem(settings[name].get(each.name))
            if problem is not None:
                found.append(f"topic {name}: {problem}")
    return found


async def check(connection: KafkaConnection, layout: Layout) -> None:
    """Raises LogMisfit, which names all that is missing or wrong, and LogUnavailable."""
    found = await problems(connection, layout)
    if found:
        raise LogMisfit(
            "; ".join(found) + ". `deskstream topics create` makes topics that are missing."
        )


@asynccontextmanager
async def administering(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that makes and describes topics. Raises LogUnavailable for what goes wrong."""
    admin = AIOKafkaAdminClient(**connection.options(), request_timeout_ms=int(_DEADLINE * 1000))
    try:
        async with asyncio.timeout(_DEADLINE):
            await admin.start()
            yield admin
    except (KafkaError, TimeoutError) as error:
        raise LogUnavailable(f"Kafka at {connection.bootstrap}: {error!r}") from error
    finally:
        await admin.close()


async def _settings(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """The settings of topics, by the topics' names."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    responses: list[Any] = await admin.describe_configs(resources)
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for response in responses
        for _, _, _, name, entries in response.resources
    }
