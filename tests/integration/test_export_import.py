"""A whole installation moves: from a directory to another with other partitions, and back."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas import actions as a
from schemas.values import TextContent
from simulator.transports import SseTransport
from streams.log.sqlite import SqliteLog
from streams.transfer import importing
from tests.support.kafka import topics_for
from tests.support.process import ROOT
from tests.support.server import Person, Server, served

DIFFERENT = {"DESKSTREAM_PARTITIONS": "7"}


async def deskstream(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    """Run a command; its exit code and what it said."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("DESKSTREAM_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from api.cli import main; main()", *map(str, arguments)),
        env={**kept, **environment, "COLUMNS": "200"},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def succeed(*arguments: str | Path, **environment: str) -> str:
    code, said = await deskstream(*arguments, **environment)
    assert code == 0, said
    return said


def says(text: str, chat: str) -> a.PostMessage:
    return a.PostMessage(chat=chat, content=TextContent(text=text))


async def get(server: Server, person: Person, path: str) -> Any:
    answer = await server.http.get(path, headers=person.headers)
    return answer.raise_for_status().json()


async def missed_events(server: Server, person: Person, after: str) -> list[dict[str, Any]]:
    """The events that a client is sent which comes back with the id it had."""
    events: list[dict[str, Any]] = []
    transport = SseTransport(server.http, person.token)
    async with asyncio.timeout(10), aclosing(transport.frames(after)) as frames:
        async for text in frames:
            frame = json.loads(text)
            assert frame["type"] != "reset"
            if frame["type"] == "caught_up":
                break
            if frame["type"] == "event":
                events.append(frame)
    return events


@asynccontextmanager
async def caught_up(data: Path, **settings: Any) -> AsyncIterator[Server]:
    """A server whose rows were built from the log that it found."""
    async with served(data, **settings) as server:
        assert server.service.projector is not None
        async with asyncio.timeout(10):
            await server.service.projector.ready.wait()
        yield server


class Before:
    """What people held when the old installation stopped."""

    ada: Person
    vera: Person
    chat: str
    held: str
    state: Any
    events: list[dict[str, Any]]


async def live_a_day(data: Path) -> Before:
    """Two accounts; in one a client misses what happens at the end."""
    before = Before()
    async with served(data) as server:
        await server.account("other")
        before.ada = await server.account("acme")
        before.vera = await server.visitor()
        before.chat = await server.chat(before.vera, before.ada)
        await before.vera.act(says("Is anybody there?", before.chat))
        before.held = await server.head()
        for number in range(3):
            await before.ada.act(says(f"Hello {number}", before.chat))
        await server.head()
        before.state = await get(server, before.ada, "/v1/state")
        before.events = await missed_events(server, before.ada, before.held)
    assert len(before.events) == 3
    return before


async def assert_nothing_is_lost(data: Path, before: Before, **settings: Any) -> None:
    """Tokens hold, the state is the same, a client resumes with its id, and chats go on."""
    async with caught_up(data, **settings) as server:
        assert await get(server, before.ada, "/v1/state") == before.state
        events = await missed_events(server, before.ada, before.held)
        assert [event["id"] for event in events[:3]] == [event["id"] for event in before.events]
        assert len(await missed_events(server, before.vera, before.held)) == len(events)


async def test_clients_go_on_after_a_move_with_what_they_had(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    before = await live_a_day(old)
    said = await succeed("export", tmp_path / "moved", "--data", old, "--with-keys")
    assert "decisions" in said
    said = await succeed("import", tmp_path / "moved", "--data", new, "--with-keys", **DIFFERENT)
    assert "2 accounts" in said
    await assert_nothing_is_lost(new, before, partitions=7)
    await succeed("verify", "--data", new, **DIFFERENT)

    back = tmp_path / "back"
    await succeed("export", tmp_path / "again", "--data", new, "--with-keys", **DIFFERENT)
    await succeed("import", tmp_path / "again", "--data", back, "--with-keys")
    await assert_nothing_is_lost(back, before)


async def test_a_chat_goes_on_after_a_move(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    before = await live_a_day(old)
    await succeed("export", tmp_path / "moved", "--data", old, "--with-keys")
    await succeed("import", tmp_path / "moved", "--data", new, "--with-keys", **DIFFERENT)
    async with caught_up(new, partitions=7) as server:
        body = {"content": {"type": "text", "text": "Still here"}}
        answer = await server.http.post(
            f"/v1/chats/{before.chat}/messages", json=body, headers=before.vera.headers
        )
        assert answer.is_success, answer.text
        version = int(answer.headers["deskstream-version"])
        assert version == before.events[-1]["version"] + 1
        events = await missed_events(server, before.ada, before.held)
        assert [event["version"] for event in events[-4:]] == [*range(version - 3, version + 1)]


async def test_without_the_keys_visitors_begin_anew_and_operators_do_not(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    before = await live_a_day(old)
    await succeed("export", tmp_path / "moved", "--data", old)
    await succeed("import", tmp_path / "moved", "--data", new)
    async with caught_up(new) as server:
        assert await get(server, before.ada, "/v1/state") == before.state
        answer = await server.http.get("/v1/state", headers=before.vera.headers)
        assert answer.status_code == 401


@pytest.fixture
async def moved(tmp_path: Path) -> Path:
    await live_a_day(tmp_path / "old")
    await succeed("export", tmp_path / "moved", "--data", tmp_path / "old", "--with-keys")
    return tmp_path / "moved"


async def test_an_import_refuses_a_directory_that_has_a_log(moved: Path) -> None:
    code, said = await deskstream("import", moved, "--data", moved.parent / "old")
    assert code == 1
    assert "There is a log" in said


async def test_an_import_refuses_other_keys_before_it_writes_anything(moved: Path) -> None:
    new = moved.parent / "new"
    new.mkdir()
    (new / "secret.key").write_text("another key than that in the file")
    code, said = await deskstream("import", moved, "--data", new, "--with-keys")
    assert code == 1
    assert "another key" in said
    assert os.listdir(new) == ["secret.key"]


async def test_an_import_refuses_a_file_that_is_cut_off(moved: Path) -> None:
    cut = moved.parent / "cut"
    shutil.copy(moved, cut)
    os.truncate(cut, cut.stat().st_size - 100)
    code, said = await deskstream("import", cut, "--data", moved.parent / "new")
    assert code == 1
    assert "cut off" in said
    assert not (moved.parent / "new").exists()


async def test_an_import_that_was_interrupted_is_taken_up_by_the_same_command(
    moved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = moved.parent / "new"
    half = await SqliteLog.open(new / "log.importing", partitions=7)
    monkeypatch.setattr(importing, "BATCH", 3)

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        await importing.import_into(half, moved, importing.prove(moved), interrupt)
    ends = [await half.end("events", number) for number in range(7)]
    await half.close()
    assert sum(ends) > 0
    await succeed("import", moved, "--data", new, **DIFFERENT)
    await succeed("verify", "--data", new, **DIFFERENT)
    assert os.listdir(new) == ["log"]


async def test_an_export_replaces_no_file_and_needs_a_log(moved: Path) -> None:
    code, said = await deskstream("export", moved, "--data", moved.parent / "old")
    assert (code, "exists already" in said) == (1, True)
    code, said = await deskstream("export", moved.parent / "none", "--data", moved.parent / "none")
    assert (code, "There is no log" in said) == (1, True)


async def test_a_running_server_is_not_exported(tmp_path: Path) -> None:
    async with served(tmp_path / "data"):
        code, said = await deskstream("export", tmp_path / "file", "--data", tmp_path / "data")
    assert (code, "in use" in said) == (3, True)
    assert not (tmp_path / "file").exists()


@pytest.mark.kafka
async def test_clients_go_on_after_a_move_to_kafka_and_back(tmp_path: Path) -> None:
    connection = await topics_for(tmp_path, 3)
    there = {
        "DESKSTREAM_KAFKA": connection.bootstrap,
        "DESKSTREAM_KAFKA_PREFIX": connection.prefix,
        "DESKSTREAM_PARTITIONS": "3",
    }
    settings = {
        "kafka": connection.bootstrap,
        "kafka_prefix": connection.prefix,
        "partitions": 3,
    }
    old, new, back = (tmp_path / name for name in ("old", "new", "back"))
    before = await live_a_day(old)
    await succeed("export", tmp_path / "moved", "--data", old, "--with-keys")
    await succeed("import", tmp_path / "moved", "--data", new, "--with-keys", **there)
    await assert_nothing_is_lost(new, before, **settings)
    code, said = await deskstream("import", tmp_path / "moved", "--data", new, **there)
    assert (code, "not empty" in said) == (1, True)
    await succeed("export", tmp_path / "again", "--data", new, "--with-keys", **there)
    await succeed("import", tmp_path / "again", "--data", back, "--with-keys")
    await assert_nothing_is_lost(back, before)
