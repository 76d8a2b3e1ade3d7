"""`deskstream simulate`: a day at the help desk against any running server."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from api.cli.exits import FAILED, clear_errors

DEFAULT_URL = "http://127.0.0.1:8080"


def simulate(
    url: Annotated[
        list[str] | None,
        typer.Option(
            help="The server; may be repeated: the next is asked when one fails.",
            show_default=DEFAULT_URL,
        ),
    ] = None,
    account: Annotated[str, typer.Option(help="The account.")] = "main",
    login: Annotated[str, typer.Option(help="An admin's login.")] = "admin",
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, help="The admin's password.")
    ] = ...,  # type: ignore[assignment]
    operators: Annotated[int, typer.Option(min=1, max=1_000, help="Operators.")] = 5,
    visitors_per_minute: Annotated[
        float, typer.Option(min=0.1, help="Visitors that arrive in a simulated minute.")
    ] = 20.0,
    duration: Annotated[
        float, typer.Option(min=1, help="Real seconds during which visitors arrive.")
    ] = 60.0,
    speed: Annotated[
        float, typer.Option(min=0.1, help="How much faster than people everything happens.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed, the same people.")] = 0,
    language: Annotated[
        list[str] | None, typer.Option(help="A language of the dialogue; may be repeated.")
    ] = None,
) -> None:
    """Live through a day at a help desk, over the public API, and check its history.

    Visitors arrive at random, wait, talk and leave; operators with limits answer, transfer and
    pause; connections drop and resume. Ends with the rates, waits, latencies and the verdict.
    """
    from simulator.day import SimulateOptions
    from simulator.day import simulate as live_through

    options = SimulateOptions(
        urls=tuple(url or (DEFAULT_URL,)),
        account=account,
        login=login,
        password=password,
        operators=operators,
        visitors_per_minute=visitors_per_minute,
        duration=duration,
        speed=speed,
        seed=seed,
        languages=tuple(language or ("english",)),
    )
    console = Console()
    with clear_errors():
        report = asyncio.run(live_through(options, console=console))
    console.print(report)
    if not report.clean:
        raise typer.Exit(FAILED)
