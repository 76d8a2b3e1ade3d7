"""A broker of its own for tests that kill it; the others share one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kafka import SHORT_LIVED, Broker
from tests.support.kafka import require_kafka


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/integration/kafka/" in item.nodeid:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="module")
def mortal_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    require_kafka()
    broker = Broker(tmp_path_factory.mktemp("kafka") / "broker", java=SHORT_LIVED)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def broker(mortal_broker: Broker) -> Iterator[Broker]:
    """It runs when the test begins, whatever the one before did to it."""
    if not mortal_broker.running:
        mortal_broker.start()
    yield mortal_broker
    mortal_broker.cont()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Names the test's topics."""
    return tmp_path
