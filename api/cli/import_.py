"""`deskstream import`: an exported installation, onto an empty log."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from schemas.refusals import DeskstreamError
from streams.log.port import Log
from streams.log.snapshots import sync_directory
from streams.log.sqlite import LogLimits, SqliteLog
from streams.settings import Settings
from streams.transfer.archive import Keys
from streams.transfer.errors import LogNotEmpty
from streams.transfer.importing import Contents, import_into, prove


class KeysMisfit(DeskstreamError):
    """The file has no keys, or there are others already."""


def import_(
    file: Annotated[Path, typer.Argument(help="What `deskstream export` made.")],
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Put the file's keys into the data directory.")
    ] = False,
) -> None:
    """Carry an exported installation onto an empty log, ids and versions unchanged.

    The file is proven before anything is written, and the log is read afterwards to see that all
    is there. What was interrupted is taken up by the same command. No other process of the
    installation may be running.
    """
    with clear_errors():
        settings = settings_with(data=data)
        with Progress() as bar:
            checking = bar.add_task("check the file", total=None)
            contents = prove(file, lambda done, total: bar.update(checking, completed=done))
            bar.update(checking, completed=1, total=1)
            keys = _missing_keys(settings, contents.keys) if with_keys else {}
            asyncio.run(_import(settings, file, contents, bar))
        for path, key in keys.items():
            _write_key(path, key)
    end = contents.end
    typer.echo(
        f"Imported: {len(contents.accounts)} accounts, {end.decisions} decisions, "
        f"{end.pending} actions to be decided."
    )
    if contents.keys is not None and not with_keys:
        typer.echo("The file holds keys, which were not taken up (--with-keys).")


async def _import(settings: Settings, file: Path, contents: Contents, bar: Progress) -> None:
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not settings.kafka:
        await _into_directory(settings, file, contents, bar)
        return
    from api.storage import Storage

    storage = await Storage.open(settings, rows=False)
    try:
        await _into_log(storage.log, file, contents, bar)
    finally:
        await storage.close()


async def _into_directory(
    settings: Settings, file: Path, contents: Contents, bar: Progress
) -> None:
    """The log gets its name when it is complete: a server must not begin with half of it."""
    there, making = settings.data / "log", settings.data / "log.importing"
    if there.is_dir() and os.listdir(there):
        raise LogNotEmpty(f"There is a log in {settings.data} already.")
    log = await SqliteLog.open(
        making,
        partitions=settings.partitions,
        limits=LogLimits(record_bytes=settings.max_record),
    )
    try:
        await _into_log(log, file, contents, bar)
    except LogNotEmpty as error:
        raise LogNotEmpty(f"{making} is of another import; remove it first. {error}") from error
    finally:
        await log.close()
    making.rename(there)
    sync_directory(settings.data)


async def _into_log(log: Log, file: Path, contents: Contents, bar: Progress) -> None:
    task = bar.add_task("import", total=None)
    await import_into(
        log, file, contents, lambda done, total: bar.update(task, completed=done, total=total)
    )


def _missing_keys(settings: Settings, keys: Keys | None) -> dict[Path, str]:
    """The keys to be written. Raises KeysMisfit."""
    if keys is None:
        raise KeysMisfit("The file holds no keys; export them with --with-keys.")
    missing = {}
    for name, key in (("secret.key", keys.secret), ("platform.token", keys.platform_token)):
        path = settings.data / name
        if path.exists() and key is not None:
            if path.read_text(encoding="ascii").strip() != key:
                raise KeysMisfit(f"{path} is another key than the one in the file.")
        elif key is not None:
            missing[path] = key
    return missing


def _write_key(path: Path, key: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
