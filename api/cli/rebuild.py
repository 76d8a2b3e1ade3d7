"""`deskstream rebuild`: build the projections anew from the log."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from api.cli.server import RunningServer
from streams.log.errors import LogInUse
from streams.settings import Settings

POLL = 0.2
"""Seconds between two looks at how far the server is."""


def rebuild(
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
) -> None:
    """Build the projections anew from the log, while chats go on if the server is running."""
    with clear_errors():
        settings = settings_with(data=data)
        with Progress() as bar:
            task = bar.add_task("records", total=None)
            try:
                asyncio.run(_here(settings, bar, task))
            except LogInUse:
                _in_server(RunningServer(settings), bar, task)
    typer.echo("The projections were built anew.")


async def _here(settings: Settings, bar: Progress, task: TaskID) -> None:
    from api.storage import Storage
    from projections.projector import rebuild as build_anew

    storage = await Storage.open(settings)
    place = storage.rows.generations.place
    try:
        await place.claim()  # projectors of a cluster may want to build, too
        await build_anew(
            storage.log,
            storage.rows,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    finally:
        await place.release()
        await storage.close()


def _in_server(server: RunningServer, bar: Progress, task: TaskID) -> None:
    progress = server.ask("POST", "/v1/rebuild").json()
    while progress["running"]:
        bar.update(task, completed=progress["done"], total=progress["total"] or None)
        time.sleep(POLL)
        progress = server.ask("GET", "/v1/rebuild").json()
    bar.update(task, completed=progress["done"], total=progress["total"])
