"""docker-compose.yml as this machine can run it: its commands and environments, as processes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FILE = Path(__file__).parents[1] / "docker-compose.yml"

_VARIABLE = re.compile(r"\$\{([A-Z_]+):\?[^}]*\}")


class ComposeService(NamedTuple):
    """A service that has a command of its own: what it runs, with what, how many times."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    replicas: int
    after: Mapping[str, str]
    """The services that come first, and the condition that each has to meet."""


def read(path: Path = FILE) -> dict[str, Any]:
    """The file as it stands. Raises yaml.YAMLError."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def services(
    content: Mapping[str, Any], variables: Mapping[str, str], addresses: Mapping[str, str]
) -> list[ComposeService]:
    """The services with commands, in the order in which they can be started.

    `variables` are those of the environment; `addresses` say where "kafka:9092" and the like are
    to be found. Raises KeyError for a variable that is not given.
    """
    given = {
        name: ComposeService(
            name=name,
            command=tuple(service["command"]),
            environment={
                key: _filled(value, variables, addresses)
                for key, value in service.get("environment", {}).items()
            },
            replicas=service.get("deploy", {}).get("replicas", 1),
            after={other: way["condition"] for other, way in service["depends_on"].items()},
        )
        for name, service in content["services"].items()
        if "command" in service
    }
    order: list[ComposeService] = []

    def place(service: ComposeService) -> None:
        for other in service.after:
            if other in given:
                place(given[other])
        if service not in order:
            order.append(service)

    for service in given.values():
        place(service)
    return order


def _filled(value: str, variables: Mapping[str, str], addresses: Mapping[str, str]) -> str:
    filled = _VARIABLE.sub(lambda found: variables[found[1]], value)
    for address, local in addresses.items():
        filled = filled.replace(address, local)
    return filled
