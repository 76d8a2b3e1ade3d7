"""`deskstream verify`: read the whole log and check every hash."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from streams.settings import Settings


def verify(
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
) -> None:
    """Check the log from its first record: every batch's hash, every decision's chain.

    The server must not be running; it checks its log itself, in the background, at each start.
    """
    with clear_errors():
        asyncio.run(_verify(settings_with(data=data)))


async def _verify(settings: Settings) -> None:
    raise NotImplementedError
