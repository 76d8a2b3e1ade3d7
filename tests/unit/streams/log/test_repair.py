"""What a person may decide after a loss."""

import shutil
from pathlib import Path

import pytest

from streams.log.errors import Damage, LogAltered, LogInUse, LogTorn, LogUnusable
from streams.log.repair import accept_loss
from streams.log.sqlite import SqliteLog


async def open_log(directory: Path) -> SqliteLog:
    return await SqliteLog.open(directory, partitions=2)


async def torn_log(directory: Path) -> None:
    """Ten actions and ten events, then an older copy of the file."""
    for turn in range(2):
        log = await open_log(directory)
        for _ in range(5):
            await log.append("actions", 1, [b"action"])
            await log.append("events", 1, [b"event"])
        await log.close()
        if turn == 0:
            shutil.copy(directory / "log.sqlite3", directory / "older")
    shutil.copy(directory / "older", directory / "log.sqlite3")
    with pytest.raises(LogTorn):
        await open_log(directory)


async def test_an_accepted_loss_is_told_and_the_log_opens(tmp_path: Path) -> None:
    await torn_log(tmp_path)
    assert accept_loss(tmp_path) == [
        Damage("actions", 1, 5, 10, "given up"),
        Damage("events", 1, 5, 10, "given up"),
    ]
    log = await open_log(tmp_path)
    assert await log.append("events", 1, [b"next"]) == 5
    _ = [progress async for progress in log.verify()]
    await log.close()


async def test_the_offsets_of_lost_actions_stay_taken(tmp_path: Path) -> None:
    await torn_log(tmp_path)
    accept_loss(tmp_path)
    log = await open_log(tmp_path)
    values = [record.value for record in await log.read("actions", 1, 0)]
    assert values == [b"action"] * 5 + [b""] * 5
    assert await log.append("actions", 1, [b"next"]) == 10
    await log.close()


async def test_a_lost_mark_can_be_made_anew(tmp_path: Path) -> None:
    log = await open_log(tmp_path)
    await log.append("events", 0, [b"x"])
    await log.close()
    shutil.copy(tmp_path / "log.sqlite3", tmp_path / "log.high-water")
    assert accept_loss(tmp_path) == []
    log = await open_log(tmp_path)
    assert await log.end("events", 0) == 1
    await log.close()


async def test_an_altered_log_is_not_accepted(tmp_path: Path) -> None:
    await torn_log(tmp_path)
    content = (tmp_path / "log.sqlite3").read_bytes()
    (tmp_path / "log.sqlite3").write_bytes(content.replace(b"\xc4\x05event", b"\xc4\x05evert", 1))
    with pytest.raises(LogAltered):
        accept_loss(tmp_path)


async def test_a_log_in_use_is_left_alone(tmp_path: Path) -> None:
    log = await open_log(tmp_path)
    with pytest.raises(LogInUse):
        accept_loss(tmp_path)
    await log.close()


async def test_a_file_of_rubbish_is_not_accepted(tmp_path: Path) -> None:
    await torn_log(tmp_path)
    (tmp_path / "log.sqlite3").write_bytes(b"rubbish" * 1000)
    with pytest.raises(LogUnusable, match="not a database"):
        accept_loss(tmp_path)
    (tmp_path / "log.high-water").unlink()
    with pytest.raises(LogUnusable, match="cannot be read"):
        await open_log(tmp_path)
