"""Settings, from the environment. Each is documented here and in docs/reference/settings.md."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from schemas.refusals import DeskstreamError

PREFIX = "DESKSTREAM_"


class WrongSettings(DeskstreamError):
    """Settings that cannot be used; the message names each variable and what is wrong with it."""


class Settings(BaseSettings):
    """What an operator of the service can set: `DESKSTREAM_` and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data: Path = Field(Path("data"), description="Directory of the log, projections and keys.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8080, description="Port to listen on; 0 lets the system choose."
    )
    public_url: str = Field("", description="Address that clients use, when it is another one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is reported on standard error."
    )
    partitions: Annotated[int, Field(ge=1, le=1_024)] = Field(
        4, description="Partitions of a new log; an existing one must have as many."
    )
    max_record: Annotated[int, Field(ge=4_096, le=16_777_216)] = Field(
        1_048_576, description="Largest record of the log, in bytes."
    )
    max_body: Annotated[int, Field(ge=4_096, le=1_048_576)] = Field(
        65_536, description="Largest request body or WebSocket message, in bytes."
    )
    max_pending: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        20_000, description="Actions that may await their decision at once; more are refused (503)."
    )
    answer_timeout: Annotated[float, Field(gt=0, le=120)] = Field(
        10.0, description="Seconds that a request waits for its decision."
    )
    snapshot_every: Annotated[int, Field(ge=100, le=10_000_000)] = Field(
        50_000, description="Decisions of a partition between two snapshots of the decider's state."
    )
    secret: SecretStr | None = Field(
        None,
        description="Key that signs visitors' tokens (32 characters or more); "
        "by default one is made and kept in the data directory.",
        min_length=32,
    )
    platform_token: SecretStr | None = Field(
        None,
        description="Bearer token that may create accounts (32 characters or more); "
        "by default one is made and kept in the data directory.",
        min_length=32,
    )
    operator_token_hours: Annotated[float, Field(gt=0, le=8_760)] = Field(
        12.0, description="Hours until an operator has to log in again."
    )
    visitor_token_hours: Annotated[float, Field(gt=0, le=8_760)] = Field(
        720.0, description="Hours until a visitor's token ends; it can be renewed before."
    )
    heartbeat: Annotated[float, Field(ge=0.1, le=300)] = Field(
        15.0, description="Seconds between heartbeats on live connections."
    )
    send_timeout: Annotated[float, Field(ge=0.1, le=300)] = Field(
        10.0, description="Seconds after which a live client that does not read is dropped."
    )
    resume_limit: Annotated[int, Field(ge=10, le=1_000_000)] = Field(
        10_000,
        description="Missed events with which a client resumes; with more its state is reset.",
    )
    live_buffer: Annotated[int, Field(ge=65_536, le=1_073_741_824)] = Field(
        67_108_864, description="Bytes of recent events kept in memory for resuming clients."
    )
    max_streams: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        20_000, description="Live connections at once; more are refused (503)."
    )
    rate_per_viewer: Annotated[float, Field(gt=0)] = Field(
        200.0, description="Requests and actions per second of one operator or visitor, lasting."
    )
    burst_per_viewer: Annotated[int, Field(ge=1)] = Field(
        1_000, description="Requests and actions of one operator or visitor at once."
    )
    rate_per_address: Annotated[float, Field(gt=0)] = Field(
        20.0, description="Requests per second of one address to log in or become a visitor."
    )
    burst_per_address: Annotated[int, Field(ge=1)] = Field(
        100, description="Such requests of one address at once."
    )
    cors_origins: tuple[str, ...] = Field(
        (), description='Origins whose pages may call the API, as JSON: ["https://example.org"].'
    )
    kafka: str = Field(
        "", description='Kafka\'s brokers, "host:port,host:port"; without them the log is embedded.'
    )
    kafka_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,200}$")] = Field(
        "deskstream.", description="What the names of the topics begin with."
    )
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="How connections to brokers are protected."
    )
    kafka_ca: Path | None = Field(
        None, description="Certificates (PEM) that brokers' are signed by; by default the system's."
    )
    kafka_cert: Path | None = Field(
        None, description="Certificate (PEM) that is shown to brokers, when they ask for one."
    )
    kafka_key: Path | None = Field(
        None, description="Its key (PEM), unless the certificate's file holds it."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="How the user and password are shown to brokers."
    )
    kafka_user: str = Field("", description="User of SASL.")
    kafka_password: SecretStr | None = Field(None, description="Password of SASL.")
    kafka_session: Annotated[float, Field(ge=1, le=1_800)] = Field(
        6.0,
        description="Seconds without a sign of life after which a decider's partitions go to "
        "others; the brokers set the least (group.min.session.timeout.ms).",
    )
    kafka_replication: Annotated[int, Field(ge=1, le=100)] = Field(
        1, description="Brokers that hold each partition of the topics that are created."
    )
    database: str = Field(
        "",
        description="Where the projections are kept: postgresql+psycopg://USER:PASSWORD@HOST/NAME; "
        "by default in a file of the data directory.",
    )
    demo: bool = Field(False, description="Keep a demo account alive with simulated visitors.")


def load_settings(**overrides: object) -> Settings:
    """The settings of this process: the environment, and over it what the command line says.

    Raises WrongSettings, which names every wrong variable.
    """
    given = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    problems = [f"{name}: there is no such setting" for name in sorted(given - known)]
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems += [
            f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in error.errors()
        ]
    except SettingsError as error:  # JSON that cannot be parsed
        problems.append(str(error))
    if problems:
        raise WrongSettings("; ".join(problems))
    return settings
