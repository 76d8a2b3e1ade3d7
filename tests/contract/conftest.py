import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the rows of the adapters that need a service."""
    for item in items:
        for service, mark in (("kafka", pytest.mark.kafka), ("postgresql", pytest.mark.postgres)):
            if "tests/contract/" in item.nodeid and f"[{service}" in item.nodeid:
                item.add_marker(mark)
