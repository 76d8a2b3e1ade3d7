"""`deskstream admin`: what the platform may do on the running server."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from api.cli.exits import DATA_HELP, clear_errors, settings_with
from api.cli.server import RunningServer

app = typer.Typer(help="Administer the running server.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help=DATA_HELP)]
Password = Annotated[
    str | None, typer.Option(help="The password; by default one is made and printed.")
]


@app.command()
def create_account(
    account: Annotated[str, typer.Argument(help="Its id: a-z, 0-9, - and _.")],
    name: Annotated[str, typer.Option(help="Its name; by default the id.")] = "",
    login: Annotated[str, typer.Option(help="The first admin's login.")] = "admin",
    password: Password = None,
    data: Data = None,
) -> None:
    """Make an account with its first admin."""
    chosen = password or secrets.token_urlsafe(12)
    body = {
        "id": account,
        "name": name or account,
        "admin": {"name": login, "login": login, "password": chosen},
    }
    with clear_errors():
        RunningServer(settings_with(data=data)).ask("POST", "/v1/accounts", body)
    typer.echo(f"account {account}, login {login}, password {chosen}")


@app.command()
def set_password(
    account: Annotated[str, typer.Argument(help="The account.")],
    login: Annotated[str, typer.Argument(help="The operator's login.")],
    password: Password = None,
    data: Data = None,
) -> None:
    """Set an operator's password; who was logged in with the old one is logged out."""
    chosen = password or secrets.token_urlsafe(12)
    body = {"login": login, "password": chosen}
    with clear_errors():
        RunningServer(settings_with(data=data)).ask("PUT", f"/v1/accounts/{account}/password", body)
    typer.echo(f"account {account}, login {login}, password {chosen}")
