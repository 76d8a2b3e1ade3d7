"""How to reach Kafka: addresses, security and the names of the topics, from the settings."""

import ssl
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from streams.log.port import Topic
from streams.settings import Settings, WrongSettings

Security = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
KafkaTopic = Topic | Literal["snapshots"]


class KafkaConnection(NamedTuple):
    """`bootstrap`: "host:port,host:port". `prefix`: what topics' names begin with."""

    bootstrap: str
    prefix: str = "deskstream."
    security: Security = "plaintext"
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    mechanism: Mechanism = "PLAIN"
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The connection that the settings describe. Raises WrongSettings."""
        if not settings.kafka:
            raise WrongSettings("DESKSTREAM_KAFKA: no brokers are given")
        if settings.kafka_security.startswith("sasl") and not settings.kafka_user:
            raise WrongSettings(f"DESKSTREAM_KAFKA_USER: {settings.kafka_security} needs one")
        if settings.kafka_cert is None and settings.kafka_key is not None:
            raise WrongSettings("DESKSTREAM_KAFKA_CERT: a key is given, and no certificate")
        password = settings.kafka_password
        return cls(
            bootstrap=settings.kafka,
            prefix=settings.kafka_prefix,
            security=settings.kafka_security,
            ca=settings.kafka_ca,
            cert=settings.kafka_cert,
            key=settings.kafka_key,
            mechanism=settings.kafka_sasl_mechanism,
            user=settings.kafka_user,
            password=password.get_secret_value() if password is not None else "",
        )

    def topic(self, topic: KafkaTopic) -> str:
        """The name that a topic has in Kafka."""
        return self.prefix + topic

    def options(self) -> dict[str, Any]:
        """The arguments that aiokafka's clients take. Raises OSError, ssl.SSLError."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "client_id": "deskstream",
            "security_protocol": self.security.upper(),
        }
        if self.security in ("ssl", "sasl_ssl"):
            options["ssl_context"] = self._ssl_context()
        if self.security in ("sasl_plaintext", "sasl_ssl"):
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.user
            options["sasl_plain_password"] = self.password
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key)
        return context
