"""A cluster: what goes through it and how soon, beside a bare aiokafka loop on its broker.

    python -m bench.cluster [memory] [latency] [messages] [fanout] [resume]

Everything runs on this machine: Kafka, PostgreSQL, two API processes and a third one without
clients, one decider, one projector and the clients. Whoever follows is at the first API process,
whoever writes at the second.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import uvloop

from bench import live
from bench.kafka_log import PACE, bare_latency
from bench.live import percentiles
from bench.live_targets import Deskstream
from bench.messages import SECONDS, over_websocket
from bench.server import GENEROUS, Desk, Running, Usage, open_desk
from cluster.kafka import fetch
from cluster.run import Cluster, cluster
from streams.kafka_connection import KafkaConnection

CLIENTS = 100
"""At each API process."""
FOLLOWERS = 5
WARM = 3
"""Rounds before the one that counts: the broker's code is compiled while it runs."""
PASSWORD = "correct horse battery staple"
REPLICAS = {"api": 3, "decider": 1, "projector": 1}


class Bench(NamedTuple):
    """A cluster with an account."""

    running: Cluster
    apis: list[Running]
    desk: Desk

    @contextlib.asynccontextmanager
    async def target(self) -> AsyncIterator[Deskstream]:
        """Followed at one API process, written to at the other."""
        followed, written = self.apis
        target = Deskstream(written, self.desk, websocket=False)
        target.follow = target.follow._replace(port=httpx.URL(followed.url).port or 80)
        target.usage = followed.usage
        await target.open()
        try:
            yield target
        finally:
            target.close()


async def open_bench(running: Cluster) -> Bench:
    members = [member for member in running.members if member.name == "api"]
    token = running.variables["DESKSTREAM_PLATFORM_TOKEN"]
    async with httpx.AsyncClient(base_url=members[0].url, timeout=60) as http:
        headers = {"authorization": f"Bearer {token}"}
        admin = {"name": "Ana", "login": "admin", "password": PASSWORD}
        account = {"id": "main", "name": "Main", "admin": admin}
        (await http.post("/v1/accounts", headers=headers, json=account)).raise_for_status()
    apis = [Running(m.url, m.process, PASSWORD, m.output.parent) for m in members]
    return Bench(running, apis[:2], await open_desk(apis[0], 2 * CLIENTS))


async def messages(bench: Bench) -> None:
    """Durable messages to their acknowledgement, over WebSocket, through both API processes."""
    usages = {m.output.parent.name: Usage(m.process.pid) for m in bench.running.members}
    halves = [bench.desk.visitors[:CLIENTS], bench.desk.visitors[CLIENTS:]]
    for _ in range(WARM + 1):
        before = {name: usage.cpu() for name, usage in usages.items()}
        gathered = await asyncio.gather(
            *(
                over_websocket(api, Desk(bench.desk.operator, half), CLIENTS)
                for api, half in zip(bench.apis, halves, strict=True)
            )
        )
        found = sorted(seconds for half in gathered for seconds in half)
    print(f"messages, {2 * CLIENTS} clients: {len(found) / SECONDS:,.0f}/s, {percentiles(found)}")
    for name, usage in usages.items():
        used = usage.cpu() - before[name]
        print(
            f"    {name:16} {used / SECONDS:4.0%} of a core, {used / len(found) * 1e6:4.0f} us each"
        )


async def latency(bench: Bench) -> None:
    """From sending a message at one API process to its delivery at the other."""
    connection = KafkaConnection(bench.running.broker.bootstrap)
    async with bench.target() as target:
        for _ in range(WARM + 1):
            bare = sorted(await bare_latency(connection))
            found = await live.latency(target, FOLLOWERS, PACE)
    ratio = statistics.median(found) / statistics.median(bare)
    print(f"action to delivery at {PACE}/s: {ratio:.1f} x from one aiokafka client to another")
    print(f"    deskstream {percentiles(found)}")
    print(f"    aiokafka   {percentiles(bare)}", flush=True)


async def fanout(bench: Bench) -> None:
    """To many followers of one API process."""
    async with bench.target() as target:
        found = await live.fan_out(target)
    print(
        f"fan-out to {live.FOLLOWERS}: {found.rate:,.0f} deliveries/s, "
        f"{found.cpu * 1e6:.2f} us each"
    )


async def resume(bench: Bench) -> None:
    """Of missed events, at the API process that did not take them."""
    async with bench.target() as target:
        alone, crowd = await live.resume(target)
    print(f"resume of {live.MISSED}: {alone * 1e3:.2f} ms; 100 at once {crowd * 1e3:.2f} ms")


async def memory(bench: Bench) -> None:
    """Of a stream that waits."""
    async with bench.target() as target:
        size = await live.memory(target.usage, target.follow)
    print(f"an idle stream: {size:.1f} KiB", flush=True)


MEASUREMENTS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "memory": memory,
    "latency": latency,
    "messages": messages,
    "fanout": fanout,
    "resume": resume,
}


async def measure(running: Cluster, names: list[str]) -> None:
    bench = await open_bench(running)
    for name in names or MEASUREMENTS:
        await MEASUREMENTS[name](bench)


def main(names: list[str]) -> None:
    fetch()
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as directory:
        Path(directory).chmod(0o755)  # PostgreSQL is another user
        with cluster(Path(directory), REPLICAS, GENEROUS) as running:
            uvloop.run(measure(running, names))


if __name__ == "__main__":
    main(sys.argv[1:])
