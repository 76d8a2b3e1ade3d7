"""`deskstream export`: all that the log holds, into a file."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.progress import Progress

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from streams.settings import Settings
from streams.transfer.archive import ArchiveWriter, End, Keys


def export(
    file: Annotated[Path, typer.Argument(help="The file to make; it must not exist.")],
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys",
            help="Take the keys along, so that visitors' tokens stay valid. The file is a secret.",
        ),
    ] = False,
) -> None:
    """Write the whole installation to a file, for `deskstream import` elsewhere.

    What is exported is the log: everything else is made from it. The server must not be running;
    in a cluster, stop the `api` processes first, and then the `decider` processes.
    """
    with clear_errors():
        settings = settings_with(data=data)
        if not settings.kafka and not (settings.data / "log").is_dir():
            raise FileNotFoundError(f"There is no log in {settings.data}.")
        with ArchiveWriter(file) as archive:
            end = asyncio.run(_export(settings, archive, _keys(settings) if with_keys else None))
    typer.echo(
        f"Exported to {file}: {end.decisions} decisions, {end.pending} actions to be decided."
    )


async def _export(settings: Settings, archive: ArchiveWriter, keys: Keys | None) -> End:
    from api.storage import Storage
    from streams.clock import SteadyClock
    from streams.transfer.exporting import export as export_log

    storage = await Storage.open(settings, rows=False)
    try:
        with Progress() as bar:
            task = bar.add_task("decisions", total=None)
            return await export_log(
                storage.log,
                archive,
                made_at=SteadyClock()(),
                keys=keys,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    finally:
        await storage.close()


def _keys(settings: Settings) -> Keys:
    return Keys(
        _key(settings.secret, settings.data / "secret.key"),
        _key(settings.platform_token, settings.data / "platform.token"),
    )


def _key(given: SecretStr | None, path: Path) -> str | None:
    """The key that is in use; none is made here."""
    if given is not None:
        return given.get_secret_value()
    return path.read_text(encoding="ascii").strip() if path.exists() else None
