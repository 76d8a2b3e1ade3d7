"""Projections are derived: whatever becomes of their file, the service heals them from the log."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulator.client import comparable
from tests.support.process import ServerProcess, make_account, serving
from tests.support.rush import Rush

FILE = "projections.sqlite3"


def delete(data: Path, old: Path) -> None:
    for file in data.glob(FILE + "*"):
        file.unlink()


def corrupt(data: Path, old: Path) -> None:
    for beside in data.glob(FILE + "-*"):
        beside.unlink()
    with (data / FILE).open("r+b") as file:
        size = file.seek(0, 2)
        for place in range(4_096, size, 8_192):
            file.seek(place + 100)
            file.write(b"\xa5" * 3_000)


def cut_short(data: Path, old: Path) -> None:
    file = data / FILE
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def fill_with_noise(data: Path, old: Path) -> None:
    delete(data, old)
    (data / FILE).write_bytes(b"This was a database once. " * 4_000)


def restore_older(data: Path, old: Path) -> None:
    delete(data, old)
    for file in old.glob(FILE + "*"):
        shutil.copy(file, data / file.name)


FAULTS: list[Callable[[Path, Path], None]] = [
    delete,
    corrupt,
    cut_short,
    fill_with_noise,
    restore_older,
]


@asynccontextmanager
async def rush_at(server: ServerProcess, seed: int, account: str = "acme") -> AsyncIterator[Rush]:
    rush = Rush(server.url, await make_account(server.url, account), seed=seed)
    await rush.begin(operators=2, visitors=4)
    try:
        yield rush
    finally:
        await rush.leave()


async def state_of(rush: Rush) -> str:
    assert rush.observer is not None
    return comparable(await rush.observer.fresh_state())


@pytest.mark.slow
async def test_whatever_becomes_of_the_projections_they_heal_and_nothing_is_missing(
    tmp_path: Path,
) -> None:
    old = tmp_path / "old"
    async with serving(tmp_path / "data") as server, rush_at(server, seed=5) as rush:
        for fault in FAULTS:
            await rush.more(10)
            await server.stop()
            if not old.exists():
                shutil.copytree(server.data, old)
            fault(server.data, old)
            await server.start()
        await rush.more(10)
        await rush.end()
        before = await state_of(rush)
        await server.stop()
        delete(server.data, old)
        await server.start()
        assert await state_of(rush) == before
        await server.stop()
        verdict = await rush.verdict(server.data)
    assert verdict.clean, str(verdict)
    assert server.said.count("projections: built anew") >= len(FAULTS)


@pytest.mark.slow
async def test_a_projection_of_a_longer_log_is_not_believed(tmp_path: Path) -> None:
    async with serving(tmp_path / "long") as longer, rush_at(longer, seed=6) as rush:
        await rush.more(30)
        await rush.end()
        await longer.stop()
    async with serving(tmp_path / "data") as server:
        await server.stop()
        for file in (tmp_path / "long").glob(FILE + "*"):
            shutil.copy(file, server.data / file.name)
        await server.start()
        async with rush_at(server, seed=7) as fresh:
            await fresh.more(10)
            await fresh.end()
            await server.stop()
            verdict = await fresh.verdict(server.data)
    assert verdict.clean, str(verdict)


@pytest.mark.slow
async def test_a_log_restored_from_a_backup_is_believed_over_its_projection(
    tmp_path: Path,
) -> None:
    backup = tmp_path / "backup"
    async with serving(tmp_path / "data") as server:
        async with rush_at(server, seed=8) as rush:
            await rush.more(15)
            await server.stop()
            shutil.copytree(server.data / "log", backup)
            await server.start()
            await rush.more(15)
        await server.stop()
        shutil.rmtree(server.data / "log")
        shutil.copytree(backup, server.data / "log")
        await server.start()
        async with rush_at(server, seed=9, account="acme-again") as fresh:
            await fresh.more(10)
            await fresh.end()
            await server.stop()
            verdict = await fresh.verdict(server.data)
    assert verdict.clean, str(verdict)
