"""What every store of snapshots promises."""

from pathlib import Path

import pytest

from streams.log.snapshots import Snapshot, SnapshotStore
from tests.contract.adapters import SNAPSHOTS


@pytest.fixture(params=SNAPSHOTS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    return SNAPSHOTS[request.param](tmp_path)


async def test_there_is_none_at_first(store: SnapshotStore) -> None:
    assert await store.load(0) is None


async def test_the_newest_is_given_back(store: SnapshotStore) -> None:
    await store.save(0, Snapshot(10, b"ten"))
    await store.save(0, Snapshot(20, b"twenty"))
    assert await store.load(0) == Snapshot(20, b"twenty")


async def test_partitions_are_independent(store: SnapshotStore) -> None:
    await store.save(0, Snapshot(1, b""))
    await store.save(1, Snapshot(2, b"\x00" * 100_000))
    assert await store.load(0) == Snapshot(1, b"")
    assert await store.load(1) == Snapshot(2, b"\x00" * 100_000)
    assert await store.load(2) is None
