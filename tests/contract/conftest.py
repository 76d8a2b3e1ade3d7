import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the rows of the adapters that need a service."""
    for item in items:
        if "tests/contract/" in item.nodeid and "[kafka" in item.nodeid:
            item.add_marker(pytest.mark.kafka)
