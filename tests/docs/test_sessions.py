"""What the tutorial and the how-to pages tell people to type does what the pages say."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import surroundings
from tests.docs.pages import blocks, name
from tests.docs.session import SESSIONS, Session
from tests.support.kafka import shared_broker

pytestmark = pytest.mark.slow

Shared = tuple[Path, dict[str, str]]


def _tested_with(what: str) -> list[Path]:
    return [page for page, needs in SESSIONS.items() if needs == what]


async def _type(page: Path, session: Session) -> None:
    for block in blocks(page):
        await session.run(page, block)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """One server for all the pages that do not mind what is in it."""
    directory = tmp_path_factory.mktemp("shared")
    with surroundings.server(directory) as values:
        yield directory, values


@pytest.mark.parametrize("page", _tested_with("a server"), ids=name)
async def test_a_page_holds_with_a_server(page: Path, shared: Shared) -> None:
    await _type(page, Session(*shared))


@pytest.mark.parametrize("page", _tested_with("a fresh server"), ids=name)
async def test_a_page_holds_with_a_fresh_server(page: Path, tmp_path: Path) -> None:
    with surroundings.server(tmp_path) as values:
        await _type(page, Session(tmp_path, values))


@pytest.mark.parametrize("page", _tested_with("a stopped server"), ids=name)
async def test_a_page_holds_with_the_data_of_a_stopped_server(page: Path, tmp_path: Path) -> None:
    await surroundings.data(tmp_path)
    await _type(page, Session(tmp_path, {}))


@pytest.mark.parametrize("page", _tested_with("a torn log"), ids=name)
async def test_a_page_holds_with_a_torn_log(page: Path, tmp_path: Path) -> None:
    await surroundings.torn_data(tmp_path)
    await _type(page, Session(tmp_path, {}))


@pytest.mark.kafka
@pytest.mark.parametrize("page", _tested_with("a broker"), ids=name)
async def test_a_page_holds_with_a_broker(page: Path, tmp_path: Path) -> None:
    address = (await asyncio.to_thread(shared_broker)).bootstrap
    await _type(page, Session(tmp_path, {"DESKSTREAM_KAFKA": address}))


@pytest.mark.parametrize("page", _tested_with("nothing"), ids=name)
async def test_a_page_holds_by_itself(page: Path, tmp_path: Path) -> None:
    await _type(page, Session(tmp_path, {}))


def test_pages_ask_for_what_there_is() -> None:
    known = {"a server", "a fresh server", "a stopped server", "a torn log", "a broker", "nothing"}
    assert set(SESSIONS.values()) <= known
