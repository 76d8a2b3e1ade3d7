"""A Kafka broker as a process: its jars from Maven Central, one node that is broker and controller.

`python -m cluster.kafka fetch` gets the jars (54 MB) into `~/.cache/deskstream/kafka-VERSION`;
`KAFKA_LIBS` names another directory that holds them.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

VERSION: Final = "4.1.1"
MISSING: Final = (
    "Kafka's jars or Java are missing. With Java 17 and Maven (Debian: default-jre-headless, "
    "maven) `python -m cluster.kafka fetch` gets them."
)

_SLF4J: Final = "1.7.36"  # the version whose API Kafka's jars were built with
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_PORTS: Final = range(20_000, 32_000)  # below those that the system gives to connections
_CLUSTER: Final = "ZGVza3N0cmVhbS1sb2NhbA"  # any 16 bytes in base64
_HEAP: Final = "-Xmx768m"
SHORT_LIVED: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options of Java for what had better start soon than run fast."""

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 30.0
_READY: Final = b"Kafka Server started"

_POM: Final = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>deskstream</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{_SLF4J}</version>
    </dependency>
  </dependencies>
</project>
"""


class BrokerFailed(Exception):
    """The broker did not start; the message ends with what it said last."""


def cache_directory() -> Path:
    """Where the jars are looked for, and fetched to."""
    given = os.environ.get("KAFKA_LIBS")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "deskstream" / f"kafka-{VERSION}"


def is_available() -> bool:
    """Whether Java and the jars are there."""
    return shutil.which("java") is not None and any(cache_directory().glob("kafka_*.jar"))


def fetch() -> Path:
    """Get the jars with Maven unless they are there; the directory that holds them.

    Raises FileNotFoundError without Maven, subprocess.CalledProcessError when it fails.
    """
    libs = cache_directory()
    if any(libs.glob("kafka_*.jar")):
        return libs
    libs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=libs.parent, prefix="fetching-") as work:
        pom, new = Path(work) / "pom.xml", Path(work) / "libs"
        pom.write_text(_POM)
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), _COPY]
        subprocess.run([*command, f"-DoutputDirectory={new}"], check=True, timeout=900)
        try:
            new.rename(libs)
        except OSError:
            if not is_available():  # else another process was faster
                raise
    return libs


def free_port() -> int:
    """A port that nobody listens on now, below those that the system gives to connections."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Broker:
    """One broker with its data in a directory, on one port for all its lives. All calls block."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        properties: Mapping[str, str] = {},
        users: Sequence[str] = (),
        java: Sequence[str] = (),
    ) -> None:
        """`properties` go over those of `server.properties` that are set here.

        `users`: of SCRAM, as kafka-storage takes them: "SCRAM-SHA-256=[name=ana,password=...]".
        """
        self.directory = directory
        self.port = port or free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._controller_port = free_port()
        self._properties = properties
        self._java = (_HEAP, *java)
        self._users = [argument for user in users for argument in ("--add-scram", user)]
        self._output = directory / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of this life."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs, stopped or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and wait until it takes requests. Raises BrokerFailed."""
        configuration = self.directory / "server.properties"
        if not configuration.exists():
            self._format(configuration)
        with self._output.open("ab") as output:
            said = output.tell()
            self._process = subprocess.Popen(
                [*_java(*self._java), "kafka.Kafka", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for who started it, who then ends it
            )
        deadline = time.monotonic() + _START_SECONDS
        while _READY not in self._output.read_bytes()[said:]:
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise BrokerFailed(self._output.read_text(errors="replace")[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut does, but for the disk."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def end(self) -> None:
        """Ask it to end; kill it when it does not."""
        self._signal(signal.SIGTERM)
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def stop(self) -> None:
        """Let it stand still (SIGSTOP): connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)  # until its last thread does

    def cont(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill it and start it again with what is on its disk."""
        self.kill()
        self.start()

    def _signal(self, signal_: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(signal_)

    def _format(self, configuration: Path) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        properties = {**self._defaults(), **self._properties}
        new = configuration.with_suffix(".new")
        new.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        arguments = ["format", "-t", _CLUSTER, "-c", str(new), *self._users]
        subprocess.run(
            [*_java(*SHORT_LIVED), "kafka.tools.StorageTool", *arguments],
            check=True,
            capture_output=True,
            timeout=_START_SECONDS,
        )
        new.rename(configuration)

    def _defaults(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap},"
            f"CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.directory / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After a kill the node is let in again when its old session is over.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            "log.segment.bytes": str(128 << 20),
            "log.index.size.max.bytes": str(1 << 20),
        }


def _java(*options: str) -> list[str]:
    return ["java", *options, "-cp", f"{cache_directory()}/*"]


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        sys.exit("usage: python -m cluster.kafka fetch")
    print(fetch())
