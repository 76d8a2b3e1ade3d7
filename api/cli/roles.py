"""`deskstream api`, `decider`, `projector`: the processes of a cluster, any number of each."""

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from api.cli.serve import report
from streams.settings import Settings, WrongSettings

Data = Annotated[Path | None, typer.Option(help=DATA_HELP)]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 lets the system choose.")]


def api(data: Data = None, host: Host = None, port: Port = None) -> None:
    """Answer requests and live connections of any account, in a cluster.

    Other processes decide and project. A client may go to another one and resumes there.
    """
    from api.serve import run_api

    with clear_errors():
        needed = ("kafka", "database", "secret", "platform_token")
        uvloop.run(run_api(_settings(data, host, port, needed)))


def decider(data: Data = None, host: Host = None, port: Port = None) -> None:
    """Decide the partitions that the group of deciders gives, in a cluster.

    On SIGTERM each partition is decided here until its successor has begun.
    """
    from api.process import open_decider
    from api.serve import run_worker

    with clear_errors():
        uvloop.run(run_worker(_settings(data, host, port, ("kafka",)), open_decider))


def projector(data: Data = None, host: Host = None, port: Port = None) -> None:
    """Keep the projections up with the log, in a cluster; a second one stands by."""
    from api.process import open_projector
    from api.serve import run_worker

    with clear_errors():
        settings = _settings(data, host, port, ("kafka", "database"))
        uvloop.run(run_worker(settings, open_projector))


def _settings(
    data: Path | None, host: str | None, port: int | None, needed: tuple[str, ...]
) -> Settings:
    """The settings. Raises WrongSettings when one is missing that all processes share."""
    settings = settings_with(data=data, host=host, port=port)
    missing = [name for name in needed if not getattr(settings, name)]
    if missing:
        names = ", ".join(f"DESKSTREAM_{name.upper()}" for name in missing)
        raise WrongSettings(f"a cluster's processes share these settings: {names}")
    report(settings)
    return settings
