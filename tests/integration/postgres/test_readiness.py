"""What a process that reads rows which others write says of them at /readyz."""

import asyncio

from api.roles.reading import AWAY, DAMAGED, NOT_BUILT, Reading
from api.services import Part
from projections.projector import rebuild
from projections.store import Projections
from streams.log.memory import MemoryLog
from tests.support.postgres import own_server, query
from tests.support.stories import a_day, records


async def test_rows_that_cannot_be_read_are_told_of() -> None:
    world, log = a_day(), MemoryLog(partitions=1)
    await log.append("events", 0, records(world.decisions))
    server = own_server()
    await asyncio.to_thread(server.start)
    url = server.create_database("rows")
    reader, builder = await Projections.open(url), await Projections.open(url)
    how_they_are = Reading(log, reader).checks["projections"]
    try:
        assert await how_they_are() == Part(False, NOT_BUILT)
        await rebuild(log, builder)
        assert await how_they_are() == Part(True)
        await log.append("events", 0, records(world.decisions[-1:]))
        assert await how_they_are() == Part(True, "2 records behind")  # a fence, too
        query(url, "DROP SCHEMA deskstream_1 CASCADE")
        assert await how_they_are() == Part(False, DAMAGED)
        await rebuild(log, builder)
        assert await how_they_are() == Part(True)
        await asyncio.to_thread(server.kill)
        assert await how_they_are() == Part(False, AWAY)
        await asyncio.to_thread(server.start)
        assert await how_they_are() == Part(True)
    finally:
        await asyncio.gather(reader.close(), builder.close())
        await asyncio.to_thread(server.end)
