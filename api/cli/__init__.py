"""The command line: `deskstream`. Each command is a module; heavy ones are imported when used."""

from importlib.metadata import version
from typing import Annotated

import typer

from api.cli.admin import app as admin
from api.cli.export import export
from api.cli.import_ import import_
from api.cli.rebuild import rebuild
from api.cli.roles import api, decider, projector
from api.cli.serve import serve
from api.cli.simulate import simulate
from api.cli.topics import app as topics
from api.cli.verify import verify

app = typer.Typer(
    name="deskstream",
    help="A live-chat help desk in which the log is the truth.\n\n"
    "Settings come from the environment (DESKSTREAM_PORT=9000, ...); "
    "docs/reference/settings.md lists them all.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(serve)
app.command()(api)
app.command()(decider)
app.command()(projector)
app.command()(simulate)
app.command()(rebuild)
app.command()(verify)
app.command()(export)
app.command("import")(import_)
app.add_typer(admin, name="admin")
app.add_typer(topics, name="topics")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deskstream {version('deskstream')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line."""
    app()
