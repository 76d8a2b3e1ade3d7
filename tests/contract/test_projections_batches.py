"""How the log is cut into batches, and when the process restarts, never shows in the rows."""

import asyncio
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.schema import metadata
from projections.store import Projections
from schemas.decisions import Decision
from tests.support.stories import a_day, interleaved, of_account, position

_DAY = a_day().decisions
DECISIONS = interleaved(_DAY, of_account(_DAY, "other"))
COUNT = len(DECISIONS)


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in the order of the primary keys."""
    connection = sqlite3.connect(path)
    try:
        return {
            table.name: connection.execute(
                f"SELECT * FROM {table.name} ORDER BY "
                + ", ".join(column.name for column in table.primary_key)
            ).fetchall()
            for table in metadata.sorted_tables
        }
    finally:
        connection.close()


async def taken_up(path: Path, cuts: list[int], restarts: set[int], again: int) -> None:
    """Take the decisions up in batches; before some start anew, and each time go back a bit."""
    projections = await Projections.open(f"sqlite:///{path}")
    start = 0
    for end in [*sorted(cuts), COUNT]:
        if start in restarts:
            await projections.close()
            projections = await Projections.open(f"sqlite:///{path}")
        batch: list[Decision] = DECISIONS[max(0, start - again) : end]
        await projections.apply(0, batch, position(end))
        start = end
    await projections.close()


def rows_after(cuts: list[int], restarts: set[int], again: int) -> object:
    """The tables after these batches."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "projections.sqlite3")
        asyncio.run(taken_up(path, cuts, restarts, again))
        return tables(path)


CUTS = st.lists(st.integers(0, COUNT), max_size=12)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CUTS, st.data())
def test_any_batches_give_the_same_rows(cuts: list[int], data: st.DataObject) -> None:
    restarts = data.draw(st.sets(st.sampled_from(cuts))) if cuts else set()
    again = data.draw(st.integers(0, 5))
    assert rows_after(cuts, restarts, again) == ONE_BATCH


ONE_BATCH = rows_after([], set(), 0)
