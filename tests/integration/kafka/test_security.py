"""TLS and SASL, by the settings, against a broker that asks for them."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cluster.kafka import Broker, free_port
from streams import topics
from streams.kafka_connection import KafkaConnection
from streams.log.errors import LogUnavailable
from streams.log.kafka import KafkaLog
from streams.settings import WrongSettings, load_settings
from tests.support.kafka import require_kafka

STORE_PASSWORD = "store-password"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


class SecureBroker:
    """A broker with three listeners: TLS, SASL, and both."""

    def __init__(self, directory: Path) -> None:
        self.certificate = directory / "broker.pem"
        self.ports = {name: free_port() for name in ("SSL", "SASL_PLAINTEXT", "SASL_SSL")}
        self.broker = Broker(directory / "broker", properties=self._properties(directory))
        _make_certificate(directory, self.certificate)

    def settings(self, security: str, **others: str) -> Mapping[str, str]:
        address = f"localhost:{self.ports[security.upper()]}"
        return {"kafka": address, "kafka_security": security, **others}

    def _properties(self, directory: Path) -> dict[str, str]:
        listeners = ",".join(f"{name}://localhost:{port}" for name, port in self.ports.items())
        controller = free_port()
        users = f'{PLAIN} required user_ana="her password";'
        return {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": listeners,
            "inter.broker.listener.name": "SSL",
            "listener.security.protocol.map": ",".join(
                [*(f"{name}:{name}" for name in self.ports), "CONTROLLER:PLAINTEXT"]
            ),
            "ssl.keystore.location": str(directory / "broker.p12"),
            "ssl.keystore.password": STORE_PASSWORD,
            "ssl.truststore.location": str(directory / "broker.p12"),
            "ssl.truststore.password": STORE_PASSWORD,
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": users,
            "listener.name.sasl_ssl.plain.sasl.jaas.config": users,
        }


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    require_kafka()
    secure = SecureBroker(tmp_path_factory.mktemp("secure"))
    secure.broker.start()
    yield secure
    secure.broker.kill()


@asynccontextmanager
async def opened(settings: Mapping[str, str]) -> AsyncIterator[KafkaLog]:
    connection = KafkaConnection.of(load_settings(**settings))
    await topics.create(connection, topics.Layout(1))
    log = await KafkaLog.open(connection)
    try:
        yield log
    finally:
        await log.close()


async def append_and_read(settings: Mapping[str, str]) -> None:
    async with opened(settings) as log, asyncio.timeout(20):
        offset = await log.append("events", 0, [b"value"])
        assert (await log.read("events", 0, offset))[0].value == b"value"


async def test_tls(secure: SecureBroker) -> None:
    await append_and_read(secure.settings("ssl", kafka_ca=str(secure.certificate)))


async def test_sasl(secure: SecureBroker) -> None:
    user = {"kafka_user": "ana", "kafka_password": "her password"}
    await append_and_read(secure.settings("sasl_plaintext", **user))


async def test_sasl_over_tls(secure: SecureBroker) -> None:
    user = {"kafka_user": "ana", "kafka_password": "her password"}
    ca = str(secure.certificate)
    await append_and_read(secure.settings("sasl_ssl", kafka_ca=ca, **user))


async def test_a_broker_whose_certificate_is_unknown_is_not_talked_to(
    secure: SecureBroker,
) -> None:
    with pytest.raises(LogUnavailable):
        await append_and_read(secure.settings("ssl"))


async def test_a_wrong_password_is_refused(secure: SecureBroker) -> None:
    user = {"kafka_user": "ana", "kafka_password": "another password"}
    with pytest.raises(LogUnavailable):
        await append_and_read(secure.settings("sasl_plaintext", **user))


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(WrongSettings, match="no brokers"):
        KafkaConnection.of(load_settings())
    with pytest.raises(WrongSettings, match="KAFKA_USER"):
        KafkaConnection.of(load_settings(kafka="localhost:1", kafka_security="sasl_ssl"))
    with pytest.raises(WrongSettings, match="KAFKA_CERT"):
        KafkaConnection.of(load_settings(kafka="localhost:1", kafka_key="key.pem"))


def _make_certificate(directory: Path, certificate: Path) -> None:
    """A key that signs itself, for a broker on localhost."""
    store = ["-keystore", str(directory / "broker.p12"), "-storetype", "PKCS12"]
    password = ["-storepass", STORE_PASSWORD, "-alias", "broker"]
    _keytool(
        *("-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-validity", "2"),
        *("-dname", "CN=localhost", "-ext", "SAN=dns:localhost", "-ext", "bc:c=ca:true"),
        *store,
        *password,
    )
    _keytool("-exportcert", "-rfc", "-file", str(certificate), *store, *password)


def _keytool(*arguments: str) -> None:
    subprocess.run(["keytool", *arguments], check=True, capture_output=True, timeout=60)
