"""`deskstream topics`, and the check at a process's start."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from api.storage import Storage
from streams import topics
from streams.kafka_connection import KafkaConnection
from streams.log.errors import LogMisfit
from streams.settings import load_settings
from tests.support.kafka import topics_at_once, topics_for


@pytest.fixture
def connection(directory: Path, monkeypatch: pytest.MonkeyPatch) -> KafkaConnection:
    connection = topics_at_once(directory, 2)
    monkeypatch.setenv("DESKSTREAM_KAFKA", connection.bootstrap)
    monkeypatch.setenv("DESKSTREAM_PARTITIONS", "2")
    return connection


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["topics", *arguments])


def test_what_create_makes_is_what_check_wants(
    connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKSTREAM_KAFKA_PREFIX", f"{connection.prefix}new.")
    missing = run("check")
    assert missing.exit_code == 1
    assert missing.output.count(" is missing") == 5
    created = run("create")
    assert created.exit_code == 0, created.output
    assert created.output.count("created: ") == 5
    assert "All topics were there." in run("create").output
    checked = run("check")
    assert (checked.exit_code, checked.output) == (0, "All topics are as they should be.\n")


def test_check_says_what_is_wrong(
    connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKSTREAM_KAFKA_PREFIX", connection.prefix)
    monkeypatch.setenv("DESKSTREAM_PARTITIONS", "4")
    monkeypatch.setenv("DESKSTREAM_MAX_RECORD", "16777216")
    monkeypatch.setenv("DESKSTREAM_KAFKA_REPLICATION", "3")
    result = run("check")
    assert result.exit_code == 1
    name = f"topic {connection.prefix}events: "
    assert f"{name}it has 2 partitions and should have 4\n" in result.output
    assert f"{name}max.message.bytes is 9437184 and should be at least 17825792\n" in result.output
    assert f"{name}min.insync.replicas is 1 and should be at least 2\n" in result.output


def test_brokers_that_are_not_set_or_do_not_answer_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("check").exit_code == 2
    monkeypatch.setenv("DESKSTREAM_KAFKA", "127.0.0.1:1")
    assert run("check").exit_code == 1


async def test_the_check_at_a_start_names_all_that_is_wrong(directory: Path) -> None:
    connection = await topics_for(directory, 2)
    await topics.check(connection, topics.Layout(2))
    with pytest.raises(LogMisfit) as refusal:
        await topics.check(connection, topics.Layout(3))
    assert str(refusal.value).count("it has 2 partitions and should have 3") == 5


async def test_a_process_does_not_start_with_topics_that_are_wrong(
    directory: Path, tmp_path: Path
) -> None:
    connection = await topics_for(directory, 2)
    brokers = {"kafka": connection.bootstrap, "kafka_prefix": connection.prefix}
    wrong = load_settings(data=tmp_path / "data", partitions=3, **brokers)
    with pytest.raises(LogMisfit, match="events: it has 2 partitions and should have 3"):
        await Storage.open(wrong, rows=False)
    right = load_settings(data=tmp_path / "data", partitions=2, **brokers)
    await (await Storage.open(right, rows=False)).close()
