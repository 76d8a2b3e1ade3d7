"""A PostgreSQL server as a process, from the machine's own packages (Debian: postgresql)."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from cluster.kafka import free_port

MISSING: Final = "PostgreSQL is missing. Debian's package postgresql has it."

_USER: Final = "deskstream"
_UNPRIVILEGED: Final = ("postgres", "nobody")
"""Who the server may be where this process is root, which PostgreSQL refuses to be."""

_SETTINGS: Final = {
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "200",
    "shared_buffers": "'64MB'",
    "max_wal_size": "'512MB'",
    "dynamic_shared_memory_type": "mmap",  # with the data: /dev/shm would keep a killed server's
}
_SECONDS: Final = 60.0


class ServerFailed(Exception):
    """The server did not start; the message ends with what it said last."""


def programs() -> Path | None:
    """The directory of `initdb` and `postgres`, of the newest version; None without them."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def is_available() -> bool:
    """Whether the programs are there."""
    return programs() is not None


class PostgresServer:
    """One server with its data in a directory, on one port for all its lives. All calls block.

    Whoever reaches its port on this machine is let in.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.directory = directory
        self.port = port or free_port()
        self._data = directory / "data"
        self._output = directory / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, as the setting `database` takes it."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The process id of this life."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and wait until it takes connections. Raises ServerFailed."""
        if not (self._data / "PG_VERSION").exists():
            self._make()
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [self._program("postgres"), "-D", self._data, "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                user=_other_user(),
                start_new_session=True,  # Ctrl-C is for who started it, who then ends it
            )
        deadline = time.monotonic() + _SECONDS
        while not self._takes_connections():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(self._output.read_text(errors="replace")[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """End all of it as a power cut does, but for the disk."""
        if self._process is not None and self.running:
            children = _children(self.pid)  # each leads a session of its own
            for pid in (self.pid, *children):
                _kill(pid)
            self._process.wait()

    def end(self) -> None:
        """Ask it to end, whoever is connected; kill it when it does not."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self) -> None:
        """Kill it and start it again with what is on its disk."""
        self.kill()
        self.start()

    def create_database(self, name: str) -> str:
        """Make an empty database; its address."""
        self._run("createdb", *self._address(), name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._run("dropdb", *self._address(), "--force", "--if-exists", name)

    def _make(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        other = _other_user()
        if other is not None:
            shutil.chown(self.directory, other)
        self._run(
            "initdb", "-D", self._data, "-U", _USER, "--auth=trust", "--encoding=UTF8", "--no-sync",
            "--locale=C.UTF-8", "--data-checksums",
        )  # fmt: skip
        lines = [f"{name} = {value}" for name, value in _SETTINGS.items()]
        lines.append(f"unix_socket_directories = '{self.directory}'")
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def _takes_connections(self) -> bool:
        command = [str(self._program("pg_isready")), *self._address(), "--quiet"]
        return subprocess.run(command, check=False).returncode == 0

    def _address(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", _USER)

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [str(self._program(program)), *map(str, arguments)],
            check=True,
            capture_output=True,
            cwd=self.directory,
            user=_other_user(),
            timeout=_SECONDS,
        )

    def _program(self, name: str) -> Path:
        directory = programs()
        if directory is None:
            raise ServerFailed(MISSING)
        return directory / name


def _other_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)


def _children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it went with its parent
        os.kill(pid, signal.SIGKILL)
