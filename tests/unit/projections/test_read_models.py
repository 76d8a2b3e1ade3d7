"""The read models one by one, and the SQL that they speak."""

from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from projections import accounts, rows
from projections.bulk import SIZES, statements
from projections.errors import Damaged, Unwritable
from projections.messages import messages
from projections.store import Projections
from projections.take_up import TakeUp
from schemas.decisions import Decision
from schemas.refusals import Refused
from streams.domain.access import Viewer
from tests.support.domain import ACCOUNT, World
from tests.support.stories import a_day, position, viewers


@pytest.fixture(scope="module")
def world() -> World:
    """A day of the domain."""
    return a_day()


async def opened(path: Path, decisions: list[Decision]) -> Projections:
    """Projections that have taken these up, one after another."""
    projections = await Projections.open(f"sqlite:///{path}")
    for count, decision in enumerate(decisions):
        await projections.apply(0, [decision], position(count + 1))
    return projections


def test_a_read_model_passes_over_what_is_not_its_own(world: World) -> None:
    take_up = TakeUp()
    for decision in world.decisions:
        for event in decision.events:
            for model in take_up.models:
                if issubclass(type(event.data), model.ignored):
                    model.take(ACCOUNT, event)  # without a connection: it touches nothing


async def test_a_small_memory_changes_nothing(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ample = await opened(tmp_path / "ample", world.decisions)
    monkeypatch.setattr(rows, "CAPACITY", 0)
    monkeypatch.setattr(accounts, "CAPACITY", 0)
    tight = await opened(tmp_path / "tight", world.decisions)
    for viewer in viewers(world).values():
        assert await tight.state_for(viewer) == await ample.state_for(viewer)
    await ample.close()
    await tight.close()


POSTGRESQL: Dialect = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("dialect", "mark"), [(sqlite.dialect(), "?"), (POSTGRESQL, "%s")])
def test_one_text_serves_both_databases(dialect: Dialect, mark: str) -> None:
    texts = statements(messages, dialect, replace=True)
    columns = len(messages.columns)
    assert {size: text.count(mark) for size, text in texts.items()} == {
        size: size * columns for size in SIZES
    }
    assert "ON CONFLICT (account, chat, id) DO UPDATE SET visitor = excluded.visitor" in texts[1]
    assert "ON CONFLICT" not in statements(messages, dialect, replace=False)[1]


async def test_other_databases_are_refused() -> None:
    with pytest.raises(ValueError, match="not at mysql"):
        await Projections.open("mysql://localhost/deskstream")
    with pytest.raises(ValueError, match="not at sqlite"):
        await Projections.open("sqlite://")
    with pytest.raises(ValueError, match="ana:\\*\\*\\*@") as refused:
        await Projections.open("postgresql://ana:hidden@localhost/deskstream")
    assert "hidden" not in str(refused.value)


async def test_a_directory_that_is_not_there_is_reported_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="unable to open"):
        await Projections.open(f"sqlite:///{tmp_path}/none/projections.sqlite3")


@pytest.mark.parametrize("harm", ["UPDATE events SET body = '{'", "DROP TABLE events"])
async def test_events_that_cannot_be_read_show_damage(
    tmp_path: Path, world: World, harm: str
) -> None:
    projections = await opened(tmp_path / "p", world.decisions[:5])
    current = projections.generations.current
    assert current is not None
    await current.database.write(lambda connection: connection.exec_driver_sql(harm).close())
    with pytest.raises(Damaged):
        await projections.events_after(ACCOUNT, 0)
    assert projections.generations.fault is not None
    assert projections.generations.broken.is_set()
    await projections.close()


async def test_a_bot_with_a_visitors_id_finds_nothing(tmp_path: Path, world: World) -> None:
    projections = await opened(tmp_path / "p", world.decisions)
    stranger = Viewer(kind="bot", id=world.id("c1's visitor"), account=ACCOUNT)
    assert (await projections.messages(stranger, chat=world.id("c1"))).items == []
    with pytest.raises(Refused):
        await projections.state_for(stranger)
    await projections.close()
