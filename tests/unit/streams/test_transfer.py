"""Moves from one log to another, with everything that can stand on a log."""

import asyncio
import gzip
import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas import actions as a
from schemas import codec
from schemas.decisions import Decision, Fence
from streams.errors import ChainBroken
from streams.log.errors import Damage, LogTorn, LogUnavailable, RecordTooLarge
from streams.log.memory import MemoryLog
from streams.log.partitioner import partition_of
from streams.log.port import Log, LogRecord, Topic
from streams.log.sqlite import SqliteLog
from streams.transfer import importing
from streams.transfer.archive import (
    Pending,
    read_archive,
)
from streams.transfer.errors import LogNotEmpty, TransferBroken
from streams.transfer.importing import import_into, prove
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
    states,
)


@pytest.fixture
async def source() -> AsyncIterator[Log]:
    log = MemoryLog(partitions=4)
    await populate(log)
    yield log
    await log.close()


@pytest.mark.parametrize("partitions", [1, 4, 7])
async def test_every_account_is_the_same_on_another_log(
    source: Log, partitions: int, tmp_path: Path
) -> None:
    target = MemoryLog(partitions=partitions)
    await load(target, await save(source, tmp_path / "export"))
    assert len(await states(target)) == len(ACCOUNTS)
    await assert_same(source, target)


async def test_there_and_back_again(source: Log, tmp_path: Path) -> None:
    there = await SqliteLog.open(tmp_path / "there", partitions=7)
    back = await SqliteLog.open(tmp_path / "back", partitions=4)
    await load(there, await save(source, tmp_path / "first"))
    await load(back, await save(there, tmp_path / "second"))
    await assert_same(source, there)
    await assert_same(source, back)
    await there.close()
    await back.close()


async def test_deciders_go_on_after_the_import_and_decide_what_was_pending(
    source: Log, tmp_path: Path
) -> None:
    target = MemoryLog(partitions=7)
    await load(target, await save(source, tmp_path / "export"))
    before = await accepted(target)
    async with desk_on(target) as desk:
        for account in ACCOUNTS:
            answer = await desk.act(account, a.AddVisitor())  # waits for what came before
            assert answer
    after = await accepted(target)
    for account in ACCOUNTS:
        old = before[account][-1].version
        late, new = after[account][-2:]
        assert (late.action, late.version, new.version) == (f"late-{account}", old + 1, old + 2)


async def test_a_retry_is_still_known_after_the_import(source: Log, tmp_path: Path) -> None:
    target = MemoryLog(partitions=3)
    await load(target, await save(source, tmp_path / "export"))
    first = next(d for d in (await accepted(source))[ACCOUNTS[0]] if d.key == "once")
    async with desk_on(target) as desk:
        again = await desk.act(ACCOUNTS[0], a.AddVisitor(), key="once")
    assert again == first.events[0].id


async def test_visits_come_along(source: Log, tmp_path: Path) -> None:
    target = MemoryLog(partitions=2)
    await load(target, await save(source, tmp_path / "export"))
    for number in range(2):
        for record in await everything(target, "visits", number):
            assert partition_of(json.loads(record.value)["account"], 2) == number
    totals = [await target.end("visits", number) for number in range(2)]
    assert sum(totals) == len(ACCOUNTS)


async def test_the_new_log_names_the_export_in_which_the_old_chain_can_be_verified(
    source: Log, tmp_path: Path
) -> None:
    path = await save(source, tmp_path / "export")
    target = MemoryLog(partitions=2)
    await load(target, path)
    text = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    digest = hashlib.sha256(b"".join(text[:-1])).hexdigest()
    for number in range(2):
        _, first, *_ = await target.read("events", number, 0)
        decision = codec.decode_event_record(first.value)
        assert isinstance(decision, Decision)
        assert decision.refused is not None
        assert digest in decision.refused.detail
        assert source.identity in decision.refused.detail
        origin = json.loads((await target.read("actions", number, 0))[0].value)
        assert origin["export"] == digest

    hashes = {""}
    for line in map(json.loads, text):
        if line["kind"] == "decision":
            assert json.loads(line["decision"])["prev"] in hashes
            hashes.add(hashlib.sha256(line["decision"].encode()).hexdigest())


class Dropping(MemoryLog):
    """Has dropped old actions and visits, as Kafka does."""

    dropped = 0

    async def read(
        self, topic: Topic, partition: int, start: int, limit: int = 1000
    ) -> list[LogRecord]:
        first = min(self.dropped, await self.end(topic, partition))
        if topic != "events" and start < first:
            raise LogTorn(Damage(topic, partition, start, first, "dropped"))
        return await super().read(topic, partition, start, limit)


@pytest.mark.parametrize("dropped", [1, 5, 15])
async def test_actions_that_were_decided_and_visits_may_have_been_dropped(
    dropped: int, tmp_path: Path
) -> None:
    source = Dropping(partitions=1)
    await populate(source)
    source.dropped = dropped
    target = MemoryLog(partitions=2)
    await load(target, await save(source, tmp_path / "export"))
    await assert_same(source, target)
    visits = sum([await target.end("visits", number) for number in range(2)])
    assert visits == max(0, len(ACCOUNTS) - dropped)


async def test_an_action_that_was_dropped_before_it_was_decided_is_a_loss(tmp_path: Path) -> None:
    source = Dropping(partitions=1)
    await populate(source)
    source.dropped = await source.end("actions", 0) - 1
    with pytest.raises(LogTorn):
        await save(source, tmp_path / "export")


async def test_an_import_that_was_interrupted_is_done_again_by_the_same_command(
    source: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await save(source, tmp_path / "export")
    target = MemoryLog(partitions=3)
    monkeypatch.setattr(importing, "BATCH", 5)

    def fail(done: int, total: int) -> None:
        if done > 40:
            target.failing = LogUnavailable("gone")

    with pytest.raises(LogUnavailable):
        await import_into(target, path, prove(path), fail)
    target.failing = None
    written = [await target.end("events", number) for number in range(3)]
    assert any(written)
    await load(target, path)
    ends = [await target.end("events", number) for number in range(3)]
    await assert_same(source, target)
    await load(target, path)
    assert ends == [await target.end("events", number) for number in range(3)]


async def test_a_log_that_is_not_empty_is_refused_and_left_as_it_is(
    source: Log, tmp_path: Path
) -> None:
    path = await save(source, tmp_path / "export")
    topics: list[Topic] = ["actions", "events", "visits"]
    for topic in topics:
        target = MemoryLog(partitions=3)
        await target.append(topic, 2, [codec.encode(Fence(decider="d", at=0))])
        with pytest.raises(LogNotEmpty, match="partition 2"):
            await load(target, path)
        if topic != "visits":
            assert await target.end("events", 0) == 0


async def test_a_log_that_went_on_after_its_import_is_refused(source: Log, tmp_path: Path) -> None:
    path = await save(source, tmp_path / "export")
    target = MemoryLog(partitions=2)
    await load(target, path)
    await target.append("events", 1, [codec.encode(Fence(decider="d", at=0))])
    with pytest.raises(LogNotEmpty):
        await load(target, path)


async def test_somebody_who_writes_during_the_import_is_noticed(
    source: Log, tmp_path: Path
) -> None:
    path = await save(source, tmp_path / "export")
    target = MemoryLog(partitions=1)
    running = asyncio.create_task(load(target, path))
    await target.wait("events", 0, 0)
    await target.append("events", 0, [codec.encode(Fence(decider="d", at=0))])
    with pytest.raises((LogNotEmpty, TransferBroken)):
        await running


async def test_a_log_whose_chain_is_broken_is_not_exported(source: Log, tmp_path: Path) -> None:
    target = MemoryLog(partitions=1)
    for record in await everything(source, "events", partition_of(ACCOUNTS[0], 4)):
        await target.append("events", 0, [record.value.replace(b"Hello", b"Goodbye")])
    with pytest.raises(ChainBroken):
        await save(target, tmp_path / "export")
    assert os.listdir(tmp_path) == []


async def test_a_log_that_takes_smaller_records_says_so(source: Log, tmp_path: Path) -> None:
    path = await save(source, tmp_path / "export")
    with pytest.raises(RecordTooLarge):
        await load(MemoryLog(partitions=1, max_record_bytes=200), path)


async def test_an_empty_log_can_be_moved_too(tmp_path: Path) -> None:
    path = await save(MemoryLog(partitions=2), tmp_path / "export")
    target = MemoryLog(partitions=3)
    await load(target, path)
    async with desk_on(target) as desk:
        await chats(desk, "acme")


async def test_pending_actions_are_kept_in_order(tmp_path: Path) -> None:
    source = MemoryLog(partitions=1)
    for number in range(5):
        await source.append("actions", 0, [b"%d" % number])
    path = await save(source, tmp_path / "export")
    lines = [line for line in read_archive(path) if isinstance(line, Pending)]
    assert [line.value for line in lines] == [b"0", b"1", b"2", b"3", b"4"]
