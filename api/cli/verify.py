"""`deskstream verify`: read the whole log and check every hash."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from streams.acceptance import Acceptance
from streams.domain.partition import Partition, fold
from streams.log.repair import accept_loss
from streams.log.sqlite import SqliteLog
from streams.settings import Settings


def verify(
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept-loss", help="Go on without the records that a torn log has lost, for good."
        ),
    ] = False,
) -> None:
    """Check the log from its first record: every batch's hash, every decision's chain.

    The server must not be running; it checks its log itself, in the background, at each start.
    """
    with clear_errors():
        settings = settings_with(data=data)
        if accept:
            for damage in accept_loss(settings.data / "log"):
                typer.echo(f"accepted: {damage}")
        asyncio.run(_verify(settings))


async def _verify(settings: Settings) -> None:
    if not (settings.data / "log").is_dir():
        raise FileNotFoundError(f"There is no log in {settings.data}.")
    log = await SqliteLog.open(settings.data / "log", partitions=settings.partitions)
    try:
        with Progress() as bar:
            task = bar.add_task("batches", total=None)
            async for progress in log.verify():
                bar.update(task, completed=progress.verified, total=progress.total)
            decisions = sum(
                [await _fold(log, partition, bar) for partition in range(log.partitions)]
            )
    finally:
        await log.close()
    typer.echo(f"The log is whole: {decisions} decisions.")


async def _fold(log: SqliteLog, partition: int, bar: Progress) -> int:
    """Fold one partition, which checks the chain of each account."""
    state, position, decisions = Partition(), Acceptance(), 0
    task = bar.add_task(f"partition {partition}", total=await log.end("events", partition))
    while records := await log.read("events", partition, position.offset):
        for record in records:
            decision = position.read(record.offset, record.value)
            if decision is not None:
                fold(state, decision, record.value)
                decisions += 1
        bar.update(task, completed=position.offset)
    return decisions
