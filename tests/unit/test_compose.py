"""docker-compose.yml: its commands are the command line's, its variables are in .env.example."""

import re
from pathlib import Path

import pytest
import typer

from api.cli import app
from cluster import compose
from cluster.compose import ComposeService
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
VARIABLES = ("POSTGRES_PASSWORD", "DESKSTREAM_SECRET", "DESKSTREAM_PLATFORM_TOKEN")


@pytest.fixture
def services() -> list[ComposeService]:
    variables = {name: name.lower() * 4 for name in VARIABLES}
    return compose.services(compose.read(), variables, {"kafka:9092": "127.0.0.1:1"})


def test_each_command_is_one_of_the_command_line(services: list[ComposeService]) -> None:
    root = typer.main.get_command(app)
    assert [service.name for service in services] == ["topics", "decider", "projector", "api"]
    for service in services:
        program, *words = service.command
        assert program == "deskstream"
        context = typer.Context(root, info_name=program)
        command: typer.core.TyperGroup = root  # type: ignore[assignment]
        for word in words:
            found = command.get_command(context, word)
            assert found is not None, service.command
            command = found  # type: ignore[assignment]


def test_each_setting_is_one(services: list[ComposeService]) -> None:
    known = {f"DESKSTREAM_{name.upper()}" for name in Settings.model_fields}
    for service in services:
        assert set(service.environment) <= known
        assert service.environment["DESKSTREAM_KAFKA"] == "127.0.0.1:1"
        given = service.environment.items()
        Settings.model_validate({k.removeprefix("DESKSTREAM_").lower(): v for k, v in given})


def test_what_runs_is_looked_after(services: list[ComposeService]) -> None:
    content = compose.read()
    for name in ("kafka", "postgres", "decider", "projector", "api"):
        assert "healthcheck" in content["services"][name], name
    for service in services:
        if service.name != "topics":
            assert service.replicas == 2
            assert service.after["topics"] == "service_completed_successfully"
            assert service.after["kafka"] == "service_healthy"


def test_the_variables_are_those_of_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z_]+)", compose.FILE.read_text(encoding="utf-8")))
    assert used == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) == set(VARIABLES)
