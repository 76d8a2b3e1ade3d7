"""A decider on Kafka that works off a lag, beside bare aiokafka loops on the same broker.

    python -m bench.decider [actions]

By default a million actions, decided with rules, hash chain, snapshots and CloudEvents headers;
the bare loops copy the same records from one topic to another. Memory is the process's.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from api.process import Process
from bench.fold import actions
from bench.kafka_log import bare_copy, plain_copy
from cluster.kafka import Broker, fetch
from schemas import codec
from streams import topics
from streams.clock import SteadyClock
from streams.cloudevents import headers_of
from streams.decider import Decider
from streams.kafka_connection import KafkaConnection
from streams.log.kafka import KafkaLog
from streams.log.kafka_snapshots import KafkaSnapshots
from streams.snapshotting import Snapshotting
from streams.topics import Layout

APPEND = 5_000
BARE = 200_000
LOOK_EVERY = 0.2
SNAPSHOT_EVERY = 50_000


async def lag(log: KafkaLog, count: int) -> None:
    """Actions that nobody has decided yet."""
    pending = [codec.encode(action) for action in actions(count)]
    for start in range(0, count, APPEND):
        await log.append("actions", 0, pending[start : start + APPEND])


async def work_off(log: KafkaLog, connection: KafkaConnection, count: int) -> list[float]:
    """Decide all of them; gives the seconds, and the megabytes at several moments."""
    snapshotting = Snapshotting(KafkaSnapshots(connection, log.identity), 0, every=SNAPSHOT_EVERY)
    decider = Decider(log, 0, snapshotting, SteadyClock(), name="bench")
    started = time.perf_counter()
    running = asyncio.create_task(decider.run())
    memory: list[float] = []
    while decider.decided < count:
        if running.done():
            running.result()
        if decider.decided >= count * (len(memory) + 1) / 5:
            memory.append(resident())
        await asyncio.sleep(LOOK_EVERY)
    seconds = time.perf_counter() - started
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await decider.close()
    return [seconds, *memory]


def resident() -> float:
    """Megabytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4_096 / 1e6


async def measure(broker: Broker, count: int) -> None:
    connection = KafkaConnection(broker.bootstrap)
    await topics.create(connection, Layout(partitions=1))
    filling = await KafkaLog.open(connection, headers=headers_of)
    await lag(filling, count)
    await filling.close()
    log = await KafkaLog.open(connection, headers=headers_of)
    seconds, *memory = await work_off(log, connection, count)
    await log.close()
    plain = max([await plain_copy(connection, min(count, BARE)) for _ in "ab"])
    barely = max([await bare_copy(connection, min(count, BARE)) for _ in "ab"])
    rate = count / seconds
    print(f"deciding, of an aiokafka loop that copies record after record: {rate / plain:.0%}")
    print(f"deciding, of one that copies whole batches: {rate / barely:.0%}")
    print(f"decided: {rate:,.0f}/s; record after record: {plain:,.0f}/s; batches: {barely:,.0f}/s")
    print(f"memory while {count:,} actions were decided: "
          + ", ".join(f"{megabytes:,.0f}" for megabytes in memory) + " MB")  # fmt: skip


def main(count: int) -> None:
    fetch()
    Process.tune()
    with tempfile.TemporaryDirectory() as directory:
        broker = Broker(Path(directory) / "broker")
        broker.start()
        try:
            uvloop.run(measure(broker, count))
        finally:
            broker.kill()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
