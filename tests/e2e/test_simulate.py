"""A day at the help desk, lived through over the public API alone, is clean."""

import asyncio
from pathlib import Path

from rich.console import Console

from simulator.day import SimulateOptions, simulate
from simulator.demo import run_demo
from simulator.http import open_http
from simulator.people import Person, log_in
from tests.support.process import make_account, serving


async def test_a_simulated_day_is_clean_and_leaves_no_operators_behind(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as server:
        who = await make_account(server.url)
        console = Console(record=True, width=120, quiet=True)
        options = SimulateOptions(
            urls=[server.url],
            account=who.account,
            login=who.login,
            password=who.password,
            operators=3,
            visitors_per_minute=15,
            duration=4,
            speed=30,
            seed=51,
            languages=("english", "japanese"),
            drops_per_hour=60,
        )
        report = await simulate(options, console=console)
        assert report.clean, str(report.verdict)
        assert report.verdict.checked["states"] == 4
        assert report.measures.counts["messages"] > 50
        assert report.measures.delivered.count > 50
        assert not report.notes
        async with open_http(server.url) as http:
            admin = await log_in(http, who)
            async with asyncio.timeout(10):  # the rows may be behind on a busy machine
                while await logins(admin) != ["ada"]:
                    await asyncio.sleep(0.05)


async def logins(admin: Person) -> list[str]:
    operators = (await admin.http.get("/v1/operators")).json()["items"]
    return [operator["login"] for operator in operators]


async def test_the_demo_lives_until_it_is_stopped_and_finds_its_operators_again(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path / "data") as server, open_http(server.url) as http:
        who = await make_account(server.url)
        admin = await log_in(http, who)
        for _ in range(2):
            stop = asyncio.Event()
            demo = asyncio.create_task(run_demo(server.url, who, stop))
            await something_happens(admin)
            stop.set()
            async with asyncio.timeout(3):
                await demo
        operators = (await admin.http.get("/v1/operators")).json()["items"]
        assert [o["login"] for o in operators] == ["ada", "demo-ana", "demo-ben"]


async def something_happens(admin: Person) -> None:
    """Wait until operators are there and a visitor has asked for a chat."""
    async with asyncio.timeout(30):
        while True:
            state = (await admin.http.get("/v1/state")).json()
            if state.get("chats") and any(
                operator.get("availability") == "online" for operator in state["operators"]
            ):
                return
            await asyncio.sleep(0.1)
