"""A log that was torn or altered is noticed at the start, and the server says what is missing."""

import asyncio
import shutil
from pathlib import Path

import apsw
import pytest

from schemas.actions import Action, PostMessage
from schemas.codec import decode_event_record, encode
from schemas.decisions import Decision
from schemas.values import Actor, TextContent
from simulator.people import Credentials
from streams.log.partitioner import partition_of
from streams.log.port import Log
from streams.log.sqlite import SqliteLog
from tests.support.process import PASSWORD, ServerEnded, ServerProcess, make_account, serving
from tests.support.rush import Rush

PARTITIONS = 4
FILE = "log.sqlite3"
MARK = "log.high-water"


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a server that has worked and was stopped: `data`, and an `earlier` log."""
    directory = tmp_path_factory.mktemp("worked")
    asyncio.run(work_a_while(directory))
    return directory


async def work_a_while(directory: Path) -> None:
    async with serving(directory / "data") as server:
        rush = Rush(server.url, await make_account(server.url), seed=11)
        await rush.begin(operators=1, visitors=2)
        try:
            await rush.more(5)
            await server.stop()
            shutil.copytree(server.data / "log", directory / "earlier")
            await server.start()
            await rush.more(10)
        finally:
            await rush.leave()
        await server.stop()


@pytest.fixture
def stopped(worked: Path, tmp_path: Path) -> tuple[ServerProcess, Path]:
    """A server with such data, not running; and a copy of its log from some time before."""
    shutil.copytree(worked / "data", tmp_path / "data")
    return ServerProcess(tmp_path / "data"), worked / "earlier"


async def start_fails(server: ServerProcess) -> str:
    """What the server says while it refuses to start."""
    before = len(server.said)
    with pytest.raises(ServerEnded) as ended:
        await server.start()
    assert ended.value.code == 3, ended.value
    said = ended.value.said[before:]
    assert "Traceback" not in said
    return said


def content(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.suffix != ".lock"}


async def test_a_log_torn_at_its_end_is_named_and_left_as_it_was_found(
    stopped: tuple[ServerProcess, Path],
) -> None:
    server, earlier = stopped
    log = server.data / "log"
    for file in log.glob(FILE + "*"):
        file.unlink()
    for file in earlier.glob(FILE + "*"):
        shutil.copy(file, log / file.name)
    before = content(log)
    said = await start_fails(server)
    assert "The log is torn: topic actions, partition" in said
    assert "offsets" in said
    after = content(log)
    assert {name: after[name] for name in before} == before


async def test_an_altered_record_is_found(stopped: tuple[ServerProcess, Path]) -> None:
    server, _ = stopped
    account = partition_of("acme", PARTITIONS)
    connection = apsw.Connection(str(server.data / "log" / FILE))
    ((first, body),) = connection.execute(
        f"SELECT first, body FROM events_{account} ORDER BY first DESC LIMIT 1"
    ).fetchall()
    assert isinstance(body, bytes)
    altered = body.replace(b'"at":1', b'"at":2')
    assert altered != body
    connection.execute(f"UPDATE events_{account} SET body = ? WHERE first = ?", (altered, first))
    connection.close()
    assert "The log was altered: topic" in await start_fails(server)


async def test_a_log_that_is_no_database_is_said_to_be_none(
    stopped: tuple[ServerProcess, Path],
) -> None:
    server, _ = stopped
    log = server.data / "log"
    for file in log.glob(FILE + "*"):
        file.unlink()
    (log / FILE).write_bytes(b"\xa5" * 65_536)
    assert "altered" in await start_fails(server)


async def test_a_log_that_is_gone_is_missed(stopped: tuple[ServerProcess, Path]) -> None:
    server, _ = stopped
    for file in (server.data / "log").glob(FILE + "*"):
        file.unlink()
    assert "The log is torn" in await start_fails(server)


async def test_without_its_high_water_mark_the_log_is_not_trusted(
    stopped: tuple[ServerProcess, Path],
) -> None:
    server, _ = stopped
    (server.data / "log" / MARK).unlink()
    assert "high-water mark is missing" in await start_fails(server)


POISON = (
    b"",
    b"not JSON",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"id":"a","account":"acme"}',
    b'{"id":"a","account":"../etc","actor":{"kind":"system","id":"system"},"at":1,"data":{}}',
    encode(
        Action(
            id="poison",
            account="nowhere",
            actor=Actor(kind="visitor", id="nobody"),
            at=2**48 - 1,
            data=PostMessage(chat="none", content=TextContent(text="Hello?")),
        )
    ),
)


async def test_poison_among_the_actions_is_refused_and_the_service_goes_on(
    stopped: tuple[ServerProcess, Path],
) -> None:
    server, _ = stopped
    log = await SqliteLog.open(server.data / "log", partitions=PARTITIONS)
    for partition in range(PARTITIONS):
        await log.append("actions", partition, POISON)
    await log.close()
    await server.start()
    rush = Rush(server.url, Credentials("acme", "ada", PASSWORD), seed=12)
    try:
        await rush.begin(operators=1, visitors=2)
        await rush.more(10)
        await rush.end()
    finally:
        await rush.leave()
        await server.stop()
    verdict = await rush.verdict(server.data)
    assert verdict.clean, str(verdict)
    log = await SqliteLog.open(server.data / "log", partitions=PARTITIONS)
    assert await refusals(log, "malformed") == PARTITIONS * (len(POISON) - 1)
    assert await refusals(log, "account_unknown") >= PARTITIONS
    await log.close()


async def refusals(log: Log, code: str) -> int:
    """How many decisions refuse with this code."""
    found = 0
    for partition in range(log.partitions):
        for record in await log.read("events", partition, 0, 100_000):
            decision = decode_event_record(record.value)
            if isinstance(decision, Decision) and decision.refused is not None:
                found += decision.refused.code == code
    return found
