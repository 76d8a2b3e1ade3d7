"""What a process keeps its data in: rows of another log are noticed before they are used."""

import shutil
from pathlib import Path

from api.storage import Storage
from projections.projector import rebuild
from streams.settings import load_settings
from tests.support.stories import a_day, records

FILE = "projections.sqlite3"


async def test_nobody_goes_on_from_rows_of_another_log(tmp_path: Path) -> None:
    longer = await Storage.open(load_settings(data=tmp_path / "longer", partitions=1))
    await longer.log.append("events", 0, records(a_day().decisions))
    await rebuild(longer.log, longer.rows)
    assert await longer.rows.positions()
    await longer.close()
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(tmp_path / "longer" / FILE, data / FILE)
    opened = await Storage.open(load_settings(data=data, partitions=1))
    assert await opened.rows.positions() == {}
    assert "another log" in str(opened.rows.generations.fault)
    await opened.close()
