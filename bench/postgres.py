"""The projections in PostgreSQL beside SQLite's file, in the same run.

    python -m bench.postgres [directory]

A server of its own, from this machine's packages, in the same directory as the files. The story
is that of `bench.projections`. "Readable" is the time from the append to the log until a process
that only reads has the rows: the projector's and the reader's loops run in this process, but all
that they know of each other goes through the database.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.projections import Story, query_times
from cluster.postgres import MISSING, PostgresServer, is_available
from projections.projector import BATCH, Projector, rebuild
from projections.store import Projections
from streams.log.memory import MemoryLog
from streams.log.port import LogRecord

DECISIONS = 60_000
SMALL = 60
READABLE = 300
PERIOD = 0.01
"""Seconds between two events of which it is measured when they can be read."""


async def following(url: str, records: list[LogRecord], batch: int) -> float:
    """Events per second of taking up batch after batch."""
    projections = await Projections.open(url)
    await rebuild(MemoryLog(partitions=1), projections)  # makes empty tables
    generation = projections.generations.current
    assert generation is not None
    started = time.perf_counter()
    for start in range(0, len(records), batch):
        await generation.take(0, records[start : start + batch])
    seconds = time.perf_counter() - started
    await projections.close()
    return len(records) / seconds


async def rebuilding(url: str, values: list[bytes]) -> tuple[float, dict[str, float]]:
    """Events per second of building anew, and the medians of queries in milliseconds."""
    log = await _log_of(values)
    projections = await Projections.open(url)
    started = time.perf_counter()
    await rebuild(log, projections)
    rate = len(values) / (time.perf_counter() - started)
    times = await query_times(projections)
    await projections.close()
    return rate, times


async def readable(url: str, story: Story) -> list[float]:
    """Milliseconds from the log to a process that only reads, sorted."""
    log = await _log_of(story.records)
    versions = story.versions
    async with _projecting(url, log), _reading(url) as rows:
        if not await rows.reached("account0", versions["account0"], 60):
            raise RuntimeError("the rows did not catch up")
        took = []
        for _ in range(READABLE):
            before = len(story.records)
            account = story.talk()
            started = time.perf_counter()
            await log.append("events", 0, story.records[before:])
            if not await rows.reached(account, versions[account], 10):
                raise RuntimeError("an event did not become readable")
            took.append((time.perf_counter() - started) * 1e3)
            await asyncio.sleep(PERIOD)
    return sorted(took)


@asynccontextmanager
async def _projecting(url: str, log: MemoryLog) -> AsyncIterator[None]:
    rows = await Projections.open(url)
    projector = Projector(log, rows)
    running = asyncio.create_task(projector.run())
    await projector.ready.wait()
    try:
        yield
    finally:
        await _ended(running)
        await rows.close()


@asynccontextmanager
async def _reading(url: str) -> AsyncIterator[Projections]:
    rows = await Projections.open(url)
    listening = asyncio.create_task(rows.follow())
    try:
        yield rows
    finally:
        await _ended(listening)
        await rows.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _log_of(values: list[bytes]) -> MemoryLog:
    log = MemoryLog(partitions=1)
    for start in range(0, len(values), 1_000):
        await log.append("events", 0, values[start : start + 1_000])
    return log


async def measure(directory: Path, server: PostgresServer) -> None:
    """Measure and print."""

    def urls(name: str) -> tuple[str, str]:
        return f"sqlite:///{directory / name}", server.create_database(name)

    story = Story()
    while len(story.records) < DECISIONS:
        story.talk()
    records = [LogRecord(offset, value) for offset, value in enumerate(story.records)]
    for batch in (SMALL, BATCH):
        part = records[: 20_000 if batch < BATCH else None]
        file, other = [await following(url, part, batch) for url in urls(f"follow{batch}")]
        print(
            f"following, {batch} a batch: {other / file:.2f} x SQLite "
            f"({other:,.0f} and {file:,.0f} events/s)"
        )
    (file, at_file), (other, at_other) = [
        await rebuilding(url, story.records) for url in urls("rebuilt")
    ]
    print(f"rebuild: {other / file:.2f} x SQLite ({other:,.0f} and {file:,.0f} events/s)")
    for name, time_ in at_other.items():
        print(f"{name}: {time_ / at_file[name]:.1f} x SQLite ({time_:.2f} ms)")
    took = await readable(server.create_database("readable"), story)
    print(
        f"readable in another process: median {statistics.median(took):.1f} ms, "
        f"p99 {took[len(took) * 99 // 100]:.1f} ms"
    )


def main() -> None:
    """Run the benchmark."""
    if not is_available():
        sys.exit(MISSING)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        server = PostgresServer(Path(name) / "server")
        Path(name).chmod(0o755)  # the server's user has to reach its own directory
        server.start()
        try:
            asyncio.run(measure(Path(name), server))
        finally:
            server.end()


if __name__ == "__main__":
    main()
