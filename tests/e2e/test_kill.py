"""A server that is killed at any moment loses nothing that it acknowledged."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.support.process import make_account, serving
from tests.support.rush import Rush

KILLS = 20
SEED = 20_250_101


@pytest.mark.slow
async def test_killed_twenty_times_under_load_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    async with serving(tmp_path / "data") as server:
        rush = Rush(server.url, await make_account(server.url), seed=SEED)
        await rush.begin()
        try:
            for _ in range(KILLS):
                await rush.more(chance.randint(1, 25))
                await asyncio.sleep(chance.random() * 0.03)
                await server.kill()
                await server.start()
            await rush.more(20)
            await rush.end()
        finally:
            await rush.leave()
        await server.stop()
        verdict = await rush.verdict(server.data)
    assert verdict.clean, str(verdict)
    assert verdict.checked["answers"] > KILLS * 10
    assert rush.world.measures.counts["retries"] > 0
