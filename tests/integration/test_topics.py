"""A move onto a real broker and back, and what another system reads there."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import codec
from streams.cloudevents import headers_of
from streams.kafka_connection import KafkaConnection
from streams.log.kafka import KafkaLog
from streams.log.memory import MemoryLog
from streams.log.sqlite import SqliteLog
from tests.support.kafka import topics_for
from tests.support.moves import (
    ACCOUNTS,
    accepted,
    assert_same,
    chats,
    desk_on,
    everything,
    load,
    populate,
    save,
)
from tests.support.process import ROOT

pytestmark = pytest.mark.kafka

PARTITIONS = 3


@asynccontextmanager
async def kafka(connection: KafkaConnection) -> AsyncIterator[KafkaLog]:
    log = await KafkaLog.open(connection, headers=headers_of)
    try:
        yield log
    finally:
        await log.close()


@pytest.fixture
async def connection(tmp_path: Path) -> KafkaConnection:
    return await topics_for(tmp_path, PARTITIONS)


async def consume(connection: KafkaConnection, *options: str | Path) -> list[dict[str, str]]:
    """What the example prints until the topic's end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "examples/consumer.py", connection.bootstrap, "--until-end"),
        *("--prefix", connection.prefix, *map(str, options)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        printed, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return [json.loads(line) for line in printed.splitlines()]


async def test_there_and_back_again(connection: KafkaConnection, tmp_path: Path) -> None:
    old = MemoryLog(partitions=4)
    await populate(old)
    back = await SqliteLog.open(tmp_path / "back", partitions=7)
    async with kafka(connection) as new:
        await load(new, await save(old, tmp_path / "first"))
        await assert_same(old, new)
        await load(back, await save(new, tmp_path / "second"))
    await assert_same(old, back)
    await back.close()


async def test_the_example_prints_each_event_that_counts_once_and_goes_on_where_it_stopped(
    connection: KafkaConnection, tmp_path: Path
) -> None:
    stored = tmp_path / "positions"
    async with kafka(connection) as log:
        await populate(log)
        ids = [event.id for account in ACCOUNTS for decision in (await accepted(log))[account]
               for event in decision.events]  # fmt: skip
        printed = await consume(connection, "--positions", stored)
        assert sorted(event["id"] for event in printed) == sorted(ids)
        async with desk_on(log) as desk:
            await chats(desk, "one-more")
    more = await consume(connection, "--positions", stored)
    assert {event["account"] for event in more} >= {"one-more"}
    assert not {event["id"] for event in more if event["account"] == "one-more"} & set(ids)


async def test_records_carry_the_headers_of_cloudevents_and_the_account_as_their_key(
    connection: KafkaConnection, tmp_path: Path
) -> None:
    async with kafka(connection) as log, desk_on(log) as desk:
        await chats(desk, "acme")
        await everything(log, "events", 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=connection.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(connection.topic("events"), n) for n in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        left, types = sum(ends.values()), set()
        while left > 0:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    left -= 1
                    headers = {name: text.decode() for name, text in record.headers}
                    types.add(headers["ce_type"])
                    assert record.value is not None
                    known = codec.decode_event_record(record.value)
                    assert headers.get("ce_partitionkey", "") == getattr(known, "account", "")
                    assert (record.key or b"").decode() == headers.get("ce_partitionkey", "")
    finally:
        await consumer.stop()
    assert types == {
        "deskstream.fence",
        "deskstream.decision.accepted",
        "deskstream.decision.refused",
        "deskstream.decision.repeated",
    }
