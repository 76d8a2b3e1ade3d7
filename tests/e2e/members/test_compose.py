"""The services of docker-compose.yml, run as processes: what `make cluster` starts."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cluster.run import Cluster
from simulator.checker import check
from streams.kafka_connection import KafkaConnection
from streams.log.kafka import KafkaLog
from tests.support.kafka import require_kafka
from tests.support.postgres import require_postgres
from tests.support.process import make_account
from tests.support.rush import Rush

pytestmark = pytest.mark.slow


@pytest.fixture
def directory() -> Iterator[Path]:
    """One that PostgreSQL's user gets through to, as it does not to pytest's."""
    with TemporaryDirectory(prefix="deskstream-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


async def test_the_cluster_of_the_compose_file_works(directory: Path) -> None:
    require_kafka()
    require_postgres()
    cluster = Cluster(directory)
    try:
        await asyncio.to_thread(cluster.start)
        first, second = cluster.urls("api")
        who = await make_account(first, token=cluster.variables["DESKSTREAM_PLATFORM_TOKEN"])
        rushes = [Rush(url, who, seed=number) for number, url in enumerate((first, second))]
        try:
            for rush in rushes:
                await rush.begin(operators=2, visitors=4)
            await asyncio.gather(*(rush.more(20) for rush in rushes))
            await asyncio.gather(*(rush.end() for rush in rushes))
        finally:
            await asyncio.gather(*(rush.leave() for rush in rushes))
        log = await KafkaLog.open(KafkaConnection(cluster.broker.bootstrap))
        try:
            for rush in rushes:
                verdict = await check(rush.world.history, log)
                assert verdict.clean, str(verdict)
        finally:
            await log.close()
    finally:
        await asyncio.to_thread(cluster.end)
    assert [member.process.returncode for member in cluster.members] == [0] * 6
