"""A server that is asked to end does so within three seconds, with streams open and under load."""

import signal
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.process import ServerProcess, make_account, serving
from tests.support.rush import Rush


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_asked_to_end_under_load_it_ends_soon_and_loses_nothing(
    tmp_path: Path, how: signal.Signals
) -> None:
    async with serving(tmp_path / "data") as server:
        rush = Rush(server.url, await make_account(server.url), seed=int(how))
        await rush.begin(operators=2, visitors=6)
        try:
            await rush.more(30)
            seconds = await server.stop(how)
            assert seconds < 3.0
            assert await server.ended() == 0, server.said
            await server.start()
            await rush.more(10)
            await rush.end()
        finally:
            await rush.leave()
        await server.stop()
        verdict = await rush.verdict(server.data)
    assert verdict.clean, str(verdict)
    assert "Traceback" not in server.said, server.said


async def test_every_stream_is_told_that_the_server_stops(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as server:
        rush = Rush(server.url, await make_account(server.url), seed=3)
        await rush.begin(operators=2, visitors=0)
        try:
            await server.stop()
            streams = [operator.client.following for operator in rush.operators]
            await eventually(lambda: not any(stream.live.is_set() for stream in streams), 1.0)
        finally:
            await rush.leave()


async def test_a_second_server_on_the_same_data_says_why_it_does_not_start(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path / "data") as first:
        second = ServerProcess(first.data)
        await second.launch()
        assert await second.ended() == 3
        assert f"in use by process {first.pid}" in second.said
        assert "Traceback" not in second.said.split("deskstream:")[-1]
