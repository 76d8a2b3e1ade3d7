"""What the embedded log costs, beside a bare fdatasync of the same disk in the same run.

    python -m bench.log [directory]

Ratios come first. The directory, a temporary one unless told, must lie on the disk in question.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import uvloop

from streams.log.opening import open_files
from streams.log.sqlite import LogLimits, SqliteLog

RECORD = os.urandom(225).hex().encode()  # 450 bytes, about what a decision takes
ROUNDS = 2000
CLIENTS = 50


class Figure(NamedTuple):
    """One line of the report."""

    name: str
    value: str


def milliseconds(seconds: list[float]) -> str:
    """Median and 99th percentile."""
    ordered = sorted(seconds)
    return f"{median(ordered) * 1e3:.3f} ms, p99 {ordered[len(ordered) * 99 // 100] * 1e3:.3f} ms"


def median(seconds: list[float]) -> float:
    """The middle one."""
    return statistics.median(seconds)


def bare_syncs(directory: Path) -> list[float]:
    """Overwrite one page of a laid-out file and fdatasync it: an acknowledgement's least."""
    descriptor = os.open(directory / "bare", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(descriptor, bytes(8 << 20))
    os.fsync(descriptor)

    seconds = []
    for turn in range(ROUNDS):
        started = time.perf_counter()
        os.pwrite(descriptor, RECORD, turn % 2048 * 4096)
        os.fdatasync(descriptor)
        seconds.append(time.perf_counter() - started)
    os.close(descriptor)
    return seconds


async def single_appends(log: SqliteLog) -> list[float]:
    """One record at a time, each awaited."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await log.append("events", 0, [RECORD])
        seconds.append(time.perf_counter() - started)
    return seconds


async def concurrent_appends(log: SqliteLog) -> tuple[float, list[float]]:
    """Records per second and the latencies, with clients that each await their own."""
    seconds: list[float] = []

    async def client(number: int) -> None:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            await log.append("actions", number % log.partitions, [RECORD])
            seconds.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return CLIENTS * ROUNDS / (time.perf_counter() - started), seconds


async def appends_beside_a_busy_loop(log: SqliteLog) -> list[float]:
    """The latency while the loop runs a callback of 0.1 ms of Python after another."""
    loop = asyncio.get_running_loop()
    numbers = list(range(1000))
    busy = True

    def spin() -> None:
        for _ in range(20):
            sum(numbers)
        if busy:
            loop.call_soon(spin)

    spin()
    seconds = await single_appends(log)
    busy = False
    return seconds


async def call_cost(log: SqliteLog, batch: int) -> float:
    """Microseconds on the event loop per record, without what the writer's thread takes."""
    costs = []
    for _ in range(200):
        started = time.perf_counter()
        futures = [log.append("visits", 0, [RECORD] * batch) for _ in range(50)]
        costs.append((time.perf_counter() - started) / 50 / batch)
        await asyncio.gather(*futures)
    return median(costs) * 1e6


async def reading(log: SqliteLog, limit: int) -> float:
    """Records per second, from the start to the end, as a fold reads."""
    end = await log.end("visits", 1)
    offset = 0
    started = time.perf_counter()
    while offset < end:
        offset += len(await log.read("visits", 1, offset, limit))
    return end / (time.perf_counter() - started)


async def fill(log: SqliteLog, records: int) -> None:
    """In batches of about a hundred, as a busy server makes them."""
    for _ in range(records // 10_000):
        futures = []
        for _ in range(100):
            futures.append(log.append("visits", 1, [RECORD] * 100))
            await asyncio.sleep(0)
        await asyncio.gather(*futures)


async def measure(directory: Path) -> list[Figure]:
    """All figures of one run."""
    sync = bare_syncs(directory)
    log = await SqliteLog.open(directory / "log", partitions=4)
    single = await single_appends(log)
    beside = bare_syncs(directory)
    rate, latencies = await concurrent_appends(log)
    figures = [
        Figure("one append / one fdatasync", f"{median(single) / median(sync):.2f}"),
        Figure(f"rate of {CLIENTS} clients / of fdatasync", f"{rate * median(sync):.2f}"),
        Figure("fdatasync before", milliseconds(sync)),
        Figure("fdatasync after", milliseconds(beside)),
        Figure("one append", milliseconds(single)),
        Figure(f"{CLIENTS} clients", f"{rate:,.0f} records/s, {milliseconds(latencies)}"),
        Figure("append(), the call", f"{await call_cost(log, 1):.2f} µs"),
        Figure("append() of 20, per record", f"{await call_cost(log, 20):.2f} µs"),
    ]
    default = sys.getswitchinterval()
    for interval in (0.005, 0.001, 0.0005, 0.0001):
        sys.setswitchinterval(interval)
        name = f"one append, loop busy, switch interval {interval * 1e3:g} ms"
        figures.append(Figure(name, milliseconds(await appends_beside_a_busy_loop(log))))
    sys.setswitchinterval(default)
    await fill(log, 1_000_000)
    await log.close()
    return figures + await measure_reading(directory / "log")


async def measure_reading(directory: Path) -> list[Figure]:
    """Of a log with a million records and more."""
    started = time.perf_counter()
    opened = open_files(directory, 4)
    start = time.perf_counter() - started
    opened.mark.close()
    opened.connection.close()
    opened.lock.release()
    log = await SqliteLog.open(directory, partitions=4)
    figures = [
        Figure("open and check, a million records", f"{start * 1e3:.0f} ms"),
        Figure("cold reading, 1,000 at once", f"{await reading(log, 1000):,.0f} records/s"),
        Figure("cold reading, 10,000 at once", f"{await reading(log, 10_000):,.0f} records/s"),
    ]
    started = time.perf_counter()
    verified = 0
    async for progress in log.verify():
        verified = progress.verified
    figures.append(
        Figure("verification", f"{verified / (time.perf_counter() - started):,.0f} records/s")
    )
    await log.close()
    log = await SqliteLog.open(directory, partitions=4, limits=LogLimits(tail_bytes=64 << 20))
    figures.append(Figure("tail reading, 1 at once", f"{await tail(log, 1):,.0f} records/s"))
    figures.append(Figure("tail reading, 100 at once", f"{await tail(log, 100):,.0f} records/s"))
    await log.close()
    return figures


async def tail(log: SqliteLog, limit: int) -> float:
    """Records per second that are served from memory."""
    offset = await log.end("events", 1)
    await log.append("events", 1, [RECORD] * 10_000)
    await log.append("events", 1, [RECORD] * 10_000)
    end = await log.end("events", 1)
    started = time.perf_counter()
    first = offset
    while offset < end:
        offset += len(await log.read("events", 1, offset, limit))
    return (end - first) / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-", dir=given) as directory:
        figures = uvloop.run(measure(Path(directory)))
    width = max(len(figure.name) for figure in figures)
    for name, value in figures:
        print(f"{name:<{width}}  {value}")
    assert threading.active_count() == 1


if __name__ == "__main__":
    main()
