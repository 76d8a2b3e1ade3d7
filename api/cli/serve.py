"""`deskstream serve`: everything in one process."""

import logging
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from streams.settings import Settings

CHATTY = ("httpx", "picows", "aiokafka")
"""They report every request and connection."""


def serve(
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 lets the system choose.")
    ] = None,
    demo: Annotated[
        bool | None,
        typer.Option("--demo/--no-demo", help="Keep a demo account alive with visitors."),
    ] = None,
) -> None:
    """Start Deskstream: the log, its deciders, the projections and the API, in one process.

    Ctrl-C or SIGTERM ends it; nothing that was acknowledged is lost.
    """
    from api.serve import run

    with clear_errors():
        settings = settings_with(data=data, host=host, port=port, demo=demo)
        report(settings)
        uvloop.run(run(settings))


def report(settings: Settings) -> None:
    """Report on standard error, as much as is asked for."""
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
