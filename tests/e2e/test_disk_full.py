"""A full disk stops writing, not reading; with room again the service goes on by itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.actions import PostMessage
from schemas.values import TextContent
from simulator.errors import OutcomeUnknown
from simulator.http import Http
from tests.support.disk import fill, small_disk
from tests.support.process import make_account, serving
from tests.support.rush import Rush


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "64m") as directory:
        yield directory


async def write_until_it_is_full(http: Http) -> set[str]:
    """Write until the server takes nothing more; how it says so.

    The log has set room aside beforehand. What is written is refused, and that is kept too.
    """
    said = set()
    nowhere = PostMessage(chat="nowhere", content=TextContent(text="A lot to say. " * 250))
    full = asyncio.Event()

    async def write() -> None:
        while not full.is_set():
            try:
                await http.act(nowhere, None)
            except OutcomeUnknown as error:
                said.add(str(error))
                full.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(write())
    return said


async def test_a_full_disk_stops_writing_until_there_is_room_again(disk: Path) -> None:
    filler = disk / "filler"
    plenty = {"rate_per_viewer": "100000", "burst_per_viewer": "100000"}
    async with serving(disk / "data", **plenty) as server:
        rush = Rush(server.url, await make_account(server.url), seed=21)
        await rush.begin(operators=2, visitors=4)
        assert rush.admin is not None
        assert rush.observer is not None
        try:
            await rush.more(10)
            fill(filler)
            # 504: the action still found room, its decision did not
            told = await write_until_it_is_full(rush.admin.http)
            assert told
            assert told <= {"status 503", "status 504"}
            assert (await rush.observer.fresh_state()).version > 0
            filler.unlink()
            await rush.more(20)
            await rush.end()
        finally:
            await rush.leave()
        await server.stop()
        verdict = await rush.verdict(server.data)
    assert verdict.clean, str(verdict)
    assert "Traceback" not in server.said, server.said
