"""TLS and SASL, by the settings, against a broker that asks for them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cluster.kafka import SHORT_LIVED, Broker, free_port
from streams import topics
from streams.kafka_connection import KafkaConnection
from streams.log.errors import LogUnavailable
from streams.log.kafka import KafkaLog
from streams.settings import WrongSettings, load_settings
from tests.support.kafka import require_kafka

PASSWORD = "her password"
USER = {"kafka_user": "ana", "kafka_password": PASSWORD}
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
MODULES = "org.apache.kafka.common.security"
SASL = ("SASL_PLAINTEXT", "SASL_SSL")
PROTOCOLS = {"SSL": "SSL", "MUTUAL": "SSL"} | {name: name for name in SASL}


class SecureBroker:
    """A broker with listeners for TLS, for TLS with certificates of clients, and for SASL."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self.ca = directory / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        self.certificates = {name: directory / f"{name}.pem" for name in ("localhost", "ana")}
        for name, path in self.certificates.items():
            path.write_bytes(_pem_of(authority.issue_cert(name)))
        self.ports = {name: free_port() for name in PROTOCOLS}
        users = [f"{mechanism}=[name=ana,password={PASSWORD}]" for mechanism in SCRAM]
        self.broker = Broker(
            directory / "broker", properties=self._properties(), users=users, java=SHORT_LIVED
        )

    def settings(self, listener: str, **others: str) -> Mapping[str, str]:
        """How to reach one of the listeners."""
        address = f"localhost:{self.ports[listener]}"
        return {"kafka": address, "kafka_security": PROTOCOLS[listener].lower(), **others}

    def _properties(self) -> dict[str, str]:
        listeners = ",".join(f"{name}://localhost:{port}" for name, port in self.ports.items())
        controller = free_port()
        protocols = {**PROTOCOLS, "CONTROLLER": "PLAINTEXT"}
        plain = f'{MODULES}.plain.PlainLoginModule required user_ana="{PASSWORD}";'
        properties = {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": listeners,
            "inter.broker.listener.name": "SSL",
            "listener.security.protocol.map": ",".join(map(":".join, protocols.items())),
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificates["localhost"]),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca),
            "sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAM)),
        }
        for name in ("sasl_plaintext", "sasl_ssl"):
            properties[f"listener.name.{name}.plain.sasl.jaas.config"] = plain
            for mechanism in SCRAM:
                properties[f"listener.name.{name}.{mechanism.lower()}.sasl.jaas.config"] = (
                    f"{MODULES}.scram.ScramLoginModule required;"
                )
        return properties


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
    await append_and_read(secure.settings("SSL", kafka_ca=str(secure.ca)))


async def test_a_certificate_of_the_client(secure: SecureBroker) -> None:
    given = {"kafka_ca": str(secure.ca), "kafka_cert": str(secure.certificates["ana"])}
    await append_and_read(secure.settings("MUTUAL", **given))


@pytest.mark.parametrize("mechanism", ["PLAIN", *SCRAM])
@pytest.mark.parametrize("listener", SASL)
async def test_sasl(secure: SecureBroker, listener: str, mechanism: str) -> None:
    given = {"kafka_ca": str(secure.ca), "kafka_sasl_mechanism": mechanism, **USER}
    await append_and_read(secure.settings(listener, **given))


async def test_a_broker_whose_certificate_is_unknown_is_not_talked_to(
    secure: SecureBroker,
) -> None:
    with pytest.raises(LogUnavailable):
        await append_and_read(secure.settings("SSL"))


async def test_a_client_without_a_certificate_is_refused(secure: SecureBroker) -> None:
    with pytest.raises(LogUnavailable):
        await append_and_read(secure.settings("MUTUAL", kafka_ca=str(secure.ca)))


@pytest.mark.parametrize("mechanism", ["PLAIN", *SCRAM])
async def test_a_wrong_password_is_refused(secure: SecureBroker, mechanism: str) -> None:
    user = {"kafka_user": "ana", "kafka_password": "another", "kafka_sasl_mechanism": mechanism}
    with pytest.raises(LogUnavailable):
        await append_and_read(secure.settings("SASL_PLAINTEXT", **user))


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(WrongSettings, match="no brokers"):
        KafkaConnection.of(load_settings())
    with pytest.raises(WrongSettings, match="KAFKA_USER"):
        KafkaConnection.of(load_settings(kafka="localhost:1", kafka_security="sasl_ssl"))
    with pytest.raises(WrongSettings, match="KAFKA_CERT"):
        KafkaConnection.of(load_settings(kafka="localhost:1", kafka_key="key.pem"))


def _pem_of(certificate: trustme.LeafCert) -> bytes:
    """The certificate with its key in PKCS #8, the only form that Java reads."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain
