from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.api.people import Person, new_account
from tests.integration.api.stack import Stack, running_stack


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path) as running:
        yield running


@pytest.fixture
async def admin(stack: Stack) -> Person:
    return await new_account(stack, "acme")
