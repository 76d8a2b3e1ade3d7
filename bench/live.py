"""Live connections: fan-out, latency, resume, memory; beside Nchan and a bare uvloop server.

    python -m bench.live [fanout] [latency] [resume] [memory] [many]

Every target runs in a process of its own, all on loopback, one after the other in the same run;
the clients are one process of raw sockets. Deskstream decides, stores (fdatasync) and projects
each message before it is delivered; the references keep it in memory. Ratios come first.
"""

import asyncio
import contextlib
import gc
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import uvloop

from bench.followers import Crowd, Place, catch_up
from bench.live_targets import Deskstream, Target, bare, nchan
from bench.server import Running, Usage, open_desk, server

FOLLOWERS = 1_000
WINDOW = 50
"""Messages on their way at once."""
SECONDS = 4.0
MISSED = 1_000
IDLE = 2_000
MANY = 5_000
PIECES = {
    "a connection that asked nothing yet": "",
    "one that was answered": "/healthz",
    "a long poll that waits": "/v1/live/poll?wait=60&after=",
}


class FanOut(NamedTuple):
    rate: float
    """Deliveries per second."""
    cpu: float
    """Server's CPU seconds per delivery."""


async def fan_out(target: Target) -> FanOut:
    """As many messages as go through, WINDOW at a time on their way to all followers."""
    crowd = Crowd()
    await crowd.join(target.follow, FOLLOWERS, websocket=target.websocket)
    tally = crowd.tally
    published, begun, cpu, since = 0, 0, 0.0, 0.0
    start = time.perf_counter()
    while (now := time.perf_counter()) < start + 1 + SECONDS:
        if not since and now > start + 1:  # everything is warm
            begun, cpu, since = tally.received, target.usage.cpu(), now
        free = WINDOW - (published - tally.received // FOLLOWERS)
        if free > 0:
            target.publish(free)
            published += free
        await asyncio.sleep(0.001)
    took, deliveries = time.perf_counter() - since, tally.received - begun
    used = target.usage.cpu() - cpu
    await crowd.until(lambda: tally.received >= published * FOLLOWERS)
    await crowd.leave()
    return FanOut(deliveries / took, used / deliveries)


async def latency(target: Target, followers: int, rate: int) -> list[float]:
    """Seconds from sending a message to each delivery, at so many messages per second."""
    crowd = Crowd()
    await crowd.join(target.follow, followers, websocket=target.websocket)
    gc.collect()
    crowd.tally.timing = True
    start, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) < start + SECONDS:
        due = int((now - start) * rate) + 1 - sent
        if due > 0:
            target.publish(due)
            sent += due
        await asyncio.sleep(min(max(start + sent / rate - time.perf_counter(), 0), 0.05))
    await crowd.until(lambda: crowd.tally.received >= sent * followers)
    await crowd.leave()
    return sorted(crowd.tally.seconds)


async def resume(target: Target) -> tuple[float, float]:
    """Median seconds to get MISSED messages, for one client alone and for 100 at once."""
    place = await target.missed(MISSED)
    await catch_up(place, MISSED, 1)
    alone = [(await catch_up(place, MISSED, 1))[0] for _ in range(30)]
    crowds = [statistics.median(await catch_up(place, MISSED, 100)) for _ in range(5)]
    return statistics.median(alone), statistics.median(crowds)


async def memory(usage: Usage, place: Place, *, websocket: bool = False) -> float:
    """KiB of the server per connection that only waits."""
    crowd = Crowd()
    await crowd.join(place, 100, websocket=websocket)  # what is made once
    before = usage.memory()
    await crowd.join(place, IDLE, websocket=websocket)
    await asyncio.sleep(0.5)  # a place without a sign of readiness may still be busy
    after = usage.memory()
    await crowd.leave()
    await asyncio.sleep(0.5)
    return (after - before) / IDLE / 1024


@contextlib.asynccontextmanager
async def deskstream(running: Running, *, websocket: bool = False) -> AsyncIterator[Target]:
    desk = await open_desk(running, 1)
    target = Deskstream(running, desk, websocket=websocket)
    await target.open()
    try:
        yield target
    finally:
        target.close()


@contextlib.asynccontextmanager
async def each(*, websocket: bool = False) -> AsyncIterator[Iterator[Target]]:
    """Deskstream and the references, all running, at most one of them busy."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(nchan(websocket=websocket))]
        if not websocket:
            found.append(stack.enter_context(bare()))
        references = [target for target in found if target is not None]
        for target in references:
            await target.open()
        running = stack.enter_context(server())
        async with deskstream(running, websocket=websocket) as mine:
            yield iter([mine, *references])
            for target in references:
                target.close()


def percentiles(ordered: list[float]) -> str:
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"p50 {p50 * 1e3:7.3f} ms  p99 {p99 * 1e3:7.3f} ms"


def show(title: str, lines: dict[str, tuple[float, str]], *, more_is_better: bool = False) -> None:
    """Deskstream's first, as a ratio to each of the others."""
    first, *others = lines
    print(f"\n{title}" + (" (more is better)" if more_is_better else " (less is better)"))
    for name in others:
        print(f"  {lines[first][0] / lines[name][0]:6.2f} x {name}")
    for name, (_, text) in lines.items():
        print(f"      {name:12} {text}", flush=True)


async def measure_fan_out() -> None:
    for websocket in (False, True):
        kind = "WebSocket" if websocket else "SSE"
        async with each(websocket=websocket) as targets:
            found = {target.name: await fan_out(target) for target in targets}
        rates = {n: (f.rate, f"{f.rate:11,.0f} deliveries/s") for n, f in found.items()}
        costs = {n: (f.cpu, f"{f.cpu * 1e6:8.3f} us") for n, f in found.items()}
        show(f"fan-out, 1 to {FOLLOWERS} {kind}: deliveries", rates, more_is_better=True)
        show(f"fan-out, 1 to {FOLLOWERS} {kind}: CPU per delivery", costs)


async def measure_latency() -> None:
    for followers, rate in ((FOLLOWERS, 10), (5, 10), (5, 1_000)):
        async with each() as targets:
            found = {t.name: await latency(t, followers, rate) for t in targets}
        lines = {name: (s[len(s) // 2], percentiles(s)) for name, s in found.items()}
        show(f"publish to delivery, {rate}/s to {followers} SSE", lines)


async def measure_resume() -> None:
    async with each() as targets:
        found = {target.name: await resume(target) for target in targets}
    for number, clients in enumerate(("one client", "100 clients at once")):
        lines = {n: (s[number], f"{s[number] * 1e3:8.2f} ms") for n, s in found.items()}
        show(f"resume of {MISSED} events, {clients}", lines)


async def measure_memory() -> None:
    async with each() as targets:
        found = {t.name: await memory(t.usage, t.follow) for t in targets}
    async with each(websocket=True) as targets:
        sockets = {t.name: await memory(t.usage, t.follow, websocket=True) for t in targets}
    for kind, sizes in (("SSE", found), ("WebSocket", sockets)):
        lines = {name: (size, f"{size:6.1f} KiB") for name, size in sizes.items()}
        show(f"an idle {kind} connection", lines)
    print("\nDeskstream, piece by piece")
    for name, path in PIECES.items():
        with server() as running:  # what one kind frees would do for the next
            async with deskstream(running) as target:
                query = await target.newest() if path.endswith("=") else ""
                place = target.follow._replace(path=path + query, ready=b"")
                print(f"  {await memory(target.usage, place):6.1f} KiB  {name}", flush=True)


async def measure_many() -> None:
    """Many open streams of both kinds."""
    with server() as running:
        async with deskstream(running) as target:
            crowd = Crowd()
            since = time.perf_counter()
            await crowd.join(target.follow, MANY // 2)
            sockets = target.follow._replace(path="/v1/live/ws")
            await crowd.join(sockets, MANY // 2, websocket=True)
            opened = time.perf_counter() - since
            crowd.tally.timing = True
            cpu, messages = running.usage.cpu(), 50
            for _ in range(messages):
                target.publish()
                await asyncio.sleep(0.1)
            await crowd.until(lambda: crowd.tally.received >= messages * MANY)
            cpu = (running.usage.cpu() - cpu) / (messages * MANY)
            print(f"\n{MANY} open streams: opened in {opened:.1f} s; 10 messages/s to all:")
            print(f"  {percentiles(sorted(crowd.tally.seconds))}, {cpu * 1e6:.2f} us CPU each")
            await crowd.leave()


MEASUREMENTS = {
    "fanout": measure_fan_out,
    "latency": measure_latency,
    "resume": measure_resume,
    "memory": measure_memory,
    "many": measure_many,
}


async def main(names: list[str]) -> None:
    for name in names or MEASUREMENTS:
        await MEASUREMENTS[name]()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
