"""`make cluster`: the services of docker-compose.yml as processes on this machine.

A broker from its published jars, a PostgreSQL server from the system's packages, and every
service of Deskstream with the command and the environment that the file gives it. Ctrl-C ends
them all; what they keep stays in ./data/cluster.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from cluster import compose
from cluster.kafka import Broker, fetch, free_port
from cluster.postgres import MISSING, PostgresServer, is_available

ROOT = Path(__file__).parents[1]
DATA = ROOT / "data" / "cluster"
DATABASE = "deskstream"
READY_WITHIN = 60.0
ENDED_WITHIN = 15.0


class Failed(Exception):
    """A service did not start; the message ends with what it said last."""


class Member(NamedTuple):
    """One process of a service."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    output: Path


class Cluster:
    """The services, started in their order. All calls block."""

    def __init__(
        self, directory: Path, replicas: Mapping[str, int] = {}, environment: Mapping[str, str] = {}
    ) -> None:
        """`replicas`, `environment`: other than in the file, of the services named or of all."""
        self._directory = directory
        self._replicas = replicas
        self._settings = environment
        self._stack = ExitStack()
        self.members: list[Member] = []
        self.variables = _variables(directory)
        self.broker = Broker(directory / "kafka")
        self.server = PostgresServer(directory / "postgres")

    def start(self) -> None:
        """Start everything, and wait until it is ready. Raises Failed and what the servers do."""
        for server in (self.broker, self.server):
            server.start()
            self._stack.callback(server.end)
        if not (self._directory / "database").exists():
            self.server.create_database(DATABASE)
            (self._directory / "database").touch()
        for service in self.services():
            if "topics" in service.command:
                self._run_once(service)
                continue
            for number in range(self._replicas.get(service.name, service.replicas)):
                self.members.append(self._launch(service, number))
        for member in self.members:
            _wait_until_ready(member)

    def services(self) -> list[compose.ComposeService]:
        """What docker-compose.yml says, with the addresses of this machine."""
        addresses = {
            "kafka:9092": self.broker.bootstrap,
            f"deskstream:{self.variables['POSTGRES_PASSWORD']}@postgres:5432/{DATABASE}": (
                self.server.url(DATABASE).partition("://")[2]
            ),
        }
        return compose.services(compose.read(), self.variables, addresses)

    def urls(self, service: str) -> list[str]:
        """Where the processes of a service listen."""
        return [member.url for member in self.members if member.name == service]

    def end(self) -> None:
        """End everything, the last one first; whoever does not end is killed."""
        for member in reversed(self.members):
            member.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + ENDED_WITHIN
        for member in self.members:
            try:
                member.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()
        self._stack.close()

    def _run_once(self, service: compose.ComposeService) -> None:
        done = subprocess.run(
            _command(service.command),
            env=_environment(service.environment),
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        if done.returncode:
            raise Failed(f"{service.name}: {done.stderr[-2000:]}")

    def _launch(self, service: compose.ComposeService, number: int) -> Member:
        port = free_port()
        directory = self._directory / f"{service.name}-{number + 1}"
        directory.mkdir(parents=True, exist_ok=True)
        environment = {
            **service.environment,
            **self._settings,
            "DESKSTREAM_HOST": "127.0.0.1",
            "DESKSTREAM_PORT": str(port),
            "DESKSTREAM_DATA": str(directory),
        }
        output = directory / "output.txt"
        with output.open("ab") as said:
            process = subprocess.Popen(
                _command(service.command),
                env=_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C is for who started it, who then ends it
            )
        return Member(service.name, f"http://127.0.0.1:{port}", process, output)


@contextmanager
def cluster(
    directory: Path, replicas: Mapping[str, int] = {}, environment: Mapping[str, str] = {}
) -> Iterator[Cluster]:
    """A cluster that is ready, and ended at the end of the block. See Cluster."""
    directory.mkdir(parents=True, exist_ok=True)
    running = Cluster(directory, replicas, environment)
    try:
        running.start()
        yield running
    finally:
        running.end()


def _variables(directory: Path) -> Mapping[str, str]:
    """The variables of the file, made at the first start and kept."""
    kept = directory / "variables.json"
    if not kept.exists():
        names = ("POSTGRES_PASSWORD", "DESKSTREAM_SECRET", "DESKSTREAM_PLATFORM_TOKEN")
        made = {name: secrets.token_urlsafe(32) for name in names}
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(made), encoding="utf-8")
    variables: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    return variables


def _command(command: Sequence[str]) -> list[str]:
    """The same with the program of this environment."""
    return [sys.executable, "-m", "api.cli", *command[1:]]


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if "DESKSTREAM_" not in name}
    return {**inherited, **given, "PYTHONUNBUFFERED": "1"}


def _wait_until_ready(member: Member) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not _is_ready(member.url):
        if member.process.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"{member.name}: {member.output.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=5):
            return True
    except (URLError, OSError):
        return False


def main() -> None:
    """Start everything, say where it is, and end it all at Ctrl-C or SIGTERM."""
    if not is_available():
        sys.exit(MISSING)
    fetch()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    print("Starting Kafka, PostgreSQL and Deskstream ...", flush=True)
    with cluster(DATA) as running:
        print(_greeting(running), flush=True)
        over.wait()
        print("Ending everything ...", flush=True)


def _greeting(running: Cluster) -> str:
    first, *others = running.urls("api")
    token = running.variables["DESKSTREAM_PLATFORM_TOKEN"]
    shown = f"DESKSTREAM_PUBLIC_URL={first} DESKSTREAM_PLATFORM_TOKEN={token}"
    return "\n".join(
        [
            f"Deskstream is at {first}" + "".join(f" and {url}" for url in others),
            "An account with its first admin:",
            f"  {shown} \\",
            "      .venv/bin/deskstream admin create-account main",
            f"Then:  .venv/bin/deskstream simulate --url {first} --password PASSWORD",
            "Ctrl-C ends everything.",
        ]
    )


if __name__ == "__main__":
    main()
