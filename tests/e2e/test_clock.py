"""The clock may be set back an hour or forward a day: ids still rise, timers still come due.

Here the service runs in the test's own process, because its wall clock is the test's.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from api.server import Server, bind, configure
from api.service import Service
from schemas.ids import parse_event_id
from simulator.people import Credentials
from streams.clock import SteadyClock
from streams.settings import load_settings
from tests.support.process import PLATFORM_TOKEN, make_account
from tests.support.rush import Rush

HOUR = 3_600.0


class Wall:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@asynccontextmanager
async def serving_by(wall: Wall, data: Path) -> AsyncIterator[str]:
    """The service at work, by this clock; gives its address."""
    settings = load_settings(
        data=data,
        heartbeat=0.5,
        operator_token_hours=720,
        platform_token=SecretStr(PLATFORM_TOKEN),
    )
    service = await Service.open(settings, SteadyClock(wall))
    work = asyncio.create_task(service.run())
    await service.ready()
    config = configure(service.app, service.live.websocket.protocol())
    server = Server(config, service.live.hub.drain)
    listener = bind("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await service.close()


async def rush_through(url: str, who: Credentials, wall: Wall, jumps: list[float]) -> Rush:
    """A rush during which the clock is set, by so many seconds each time."""
    rush = Rush(url, who, seed=41)
    try:
        await rush.begin(operators=2, visitors=4)
        await rush.more(10)
        for jump in jumps:
            wall.offset += jump
            await rush.more(15)
        await rush.end()
    finally:
        await rush.leave()
    return rush


async def test_the_clock_set_back_and_forward_while_the_service_runs(tmp_path: Path) -> None:
    wall = Wall()
    async with serving_by(wall, tmp_path) as url:
        who = await make_account(url, no_answer_after=1_000)
        rush = await rush_through(url, who, wall, [-HOUR, 24 * HOUR, -HOUR])
    assert rush.observer is not None
    assert rush.observer.state is not None
    newest, _ = parse_event_id(rush.observer.state.id)
    assert newest / 1000 > time.time() + 22 * HOUR
    verdict = await rush.verdict(tmp_path)
    assert verdict.clean, str(verdict)


async def test_the_clock_set_back_and_forward_between_two_runs(tmp_path: Path) -> None:
    wall = Wall()
    async with serving_by(wall, tmp_path) as url:
        who = await make_account(url, no_answer_after=1_000)
        first = await rush_through(url, who, wall, [])
    for jump in (-HOUR, 25 * HOUR):
        wall.offset += jump
        async with serving_by(wall, tmp_path) as url:
            second = await rush_through(url, who, wall, [])
        verdict = await second.verdict(tmp_path)
        assert verdict.clean, str(verdict)
    verdict = await first.verdict(tmp_path)
    assert verdict.clean, str(verdict)
