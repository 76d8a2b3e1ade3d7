"""A process that is killed while it writes loses nothing that it has acknowledged."""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.log.sqlite import SqliteLog

ROOT = Path(__file__).parents[4]

WRITER = """
import asyncio, sys
from pathlib import Path
from streams.log.sqlite import SqliteLog

async def appender(log, name):
    turn = 0
    while True:
        partition = turn % 2
        offset = await log.append("events", partition, [b"%d/%d" % (name, turn), b"x" * 300])
        sys.stdout.write(f"{partition} {offset} {name}/{turn}\\n")
        sys.stdout.flush()
        turn += 1

async def main():
    log = await SqliteLog.open(Path(sys.argv[1]), partitions=2)
    await asyncio.gather(*(appender(log, name) for name in range(8)))

asyncio.run(main())
"""


def write_until_killed(directory: Path, acknowledgements: int) -> list[tuple[int, int, bytes]]:
    """Kill the writer after so many acknowledgements; all that it made, the last ones too."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(acknowledgements)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    lines += rest.splitlines(keepends=True)
    whole = [line.split() for line in lines if line.endswith(b"\n")]
    return [(int(partition), int(offset), value) for partition, offset, value in whole]


@pytest.mark.parametrize("seed", range(3))
async def test_no_acknowledged_record_is_lost(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: dict[tuple[int, int], bytes] = {}
    for _ in range(3):
        number = rng.randrange(1, 1500)
        for partition, offset, value in await asyncio.to_thread(
            write_until_killed, tmp_path, number
        ):
            assert acknowledged.setdefault((partition, offset), value) == value
    log = await SqliteLog.open(tmp_path, partitions=2)
    _ = [progress async for progress in log.verify()]
    for (partition, offset), value in acknowledged.items():
        if offset % 2 == 0:
            [record] = await log.read("events", partition, offset, 1)
            assert record.value == value
    await log.close()
    assert len(acknowledged) > 0
