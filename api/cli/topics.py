"""`deskstream topics`: make the topics of a Kafka cluster, and check them."""

import asyncio

import typer

from api.cli.exits import FAILED, clear_errors, settings_with

app = typer.Typer(help="Make the topics of a Kafka cluster, and check them.", no_args_is_help=True)


@app.command()
def create() -> None:
    """Make the topics that are missing; those that are there stay as they are."""
    from streams import topics
    from streams.kafka_connection import KafkaConnection

    with clear_errors():
        settings = settings_with()
        connection = KafkaConnection.of(settings)
        created = asyncio.run(topics.create(connection, topics.Layout.of(settings)))
    for name in created:
        typer.echo(f"created: {name}")
    if not created:
        typer.echo("All topics were there.")


@app.command()
def check() -> None:
    """Compare the topics with the settings; ends with 1 if one is missing or wrong."""
    from streams import topics
    from streams.kafka_connection import KafkaConnection

    with clear_errors():
        settings = settings_with()
        connection = KafkaConnection.of(settings)
        found = asyncio.run(topics.problems(connection, topics.Layout.of(settings)))
    for problem in found:
        typer.echo(problem)
    if found:
        raise typer.Exit(FAILED)
    typer.echo("All topics are as they should be.")
