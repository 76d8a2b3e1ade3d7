"""Files of snapshots that cannot be trusted are never used."""

from pathlib import Path

import pytest

from streams.log.snapshots import FileSnapshots, Snapshot


async def test_a_snapshot_outlives_the_process(tmp_path: Path) -> None:
    await FileSnapshots(tmp_path / "snapshots", "log").save(3, Snapshot(7, b"state"))
    assert await FileSnapshots(tmp_path / "snapshots", "log").load(3) == Snapshot(7, b"state")


@pytest.mark.parametrize("position", [0, 8, 41, 50, -1])
async def test_a_flipped_byte_is_noticed(
    tmp_path: Path, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = FileSnapshots(tmp_path, "log")
    await store.save(0, Snapshot(7, b"state"))
    content = bytearray((tmp_path / "0.snapshot").read_bytes())
    content[position] ^= 1
    (tmp_path / "0.snapshot").write_bytes(content)
    assert await store.load(0) is None
    assert "not used" in caplog.text


@pytest.mark.parametrize("size", [0, 10, 81])
async def test_a_truncated_file_is_noticed(tmp_path: Path, size: int) -> None:
    store = FileSnapshots(tmp_path, "log")
    await store.save(0, Snapshot(7, b"state"))
    content = (tmp_path / "0.snapshot").read_bytes()
    (tmp_path / "0.snapshot").write_bytes(content[:size])
    assert await store.load(0) is None


async def test_the_snapshot_of_another_log_is_not_used(tmp_path: Path) -> None:
    await FileSnapshots(tmp_path, "this").save(0, Snapshot(7, b"state"))
    assert await FileSnapshots(tmp_path, "that").load(0) is None
