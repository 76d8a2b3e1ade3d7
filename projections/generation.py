"""A generation: one complete build of the read models, in one database."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace
from sqlalchemy import Connection

from projections import positions
from projections.database import Database, Moved
from projections.errors import Overtaken
from projections.positions import Position
from projections.schema import SCHEMA, metadata
from projections.take_up import Batch, TakeUp
from schemas import codec
from streams.acceptance import Acceptance
from streams.log.port import LogRecord


class Generation:
    """Takes up what the log says, and keeps the place."""

    def __init__(self, database: Database, on_moved: Callable[[Moved], None]) -> None:
        """`on_moved` is called on the loop after each batch that was stored."""
        self.database = database
        self._on_moved = on_moved
        self._take_up = TakeUp()
        self.positions: dict[int, Position] = {}
        self.meta: dict[str, str] = {}

    async def create(self, log: str) -> None:
        """Make what is missing, for rows of the log named so. Raises Damaged or Unwritable."""
        self.meta = {"schema": str(SCHEMA), "log": log}

        def work(connection: Connection) -> None:
            metadata.create_all(connection)
            positions.write_meta(connection, **self.meta)

        await self.database.write(work)

    async def load(self) -> None:
        """Read how far it has come, made by and from what. Raises Damaged."""

        def work(connection: Connection) -> tuple[dict[str, str], dict[int, Position]]:
            return positions.read_meta(connection), positions.read(connection)

        self.meta, self.positions = await self.database.read(work)

    def position(self, partition: int) -> Position:
        """Where to go on in a partition."""
        return self.positions.get(partition) or Position(Acceptance(), "")

    async def take(self, partition: int, records: Sequence[LogRecord]) -> None:
        """Take up the records that follow on from the position.

        Raises Hole, Damaged or Unwritable, and nothing is stored; MalformedRecord.
        """
        acceptance = replace(self.position(partition).acceptance)

        def read() -> Batch:
            decisions = []
            for offset, value in records:
                decision = acceptance.read(offset, value)
                if decision is not None:
                    decisions.append(decision)
            return Batch(partition, decisions, acceptance, codec.digest(records[-1].value))

        await self._apply(partition, read)

    async def apply(self, batch: Batch) -> None:
        """Take up a batch, all or nothing. Raises Hole, Damaged or Unwritable."""
        await self._apply(batch.partition, lambda: batch)

    async def take_over(self, partition: int) -> None:
        """Go on where other processes have come. Raises Damaged or Unwritable."""

        def work(connection: Connection) -> dict[int, Position]:
            self._take_up.forget()
            return positions.read(connection)

        stored = await self.database.write(work)
        self.positions[partition] = stored.get(partition) or Position(Acceptance(), "")

    async def rewind(self, partition: int) -> None:
        """Take the partition up from the log's first record; rows that are there are skipped."""
        start = Position(Acceptance(), "")

        def work(connection: Connection) -> None:
            self.database.guard(connection, partition)
            positions.write(connection, partition, start.acceptance, start.digest)

        if self.database.shared:
            await self.database.write(work)
        self.positions[partition] = start

    async def _apply(self, partition: int, read: Callable[[], Batch]) -> None:
        def work(connection: Connection) -> tuple[Batch, Moved]:
            self._claim(connection, partition)
            batch = read()
            heads = self._take_up.apply(connection, batch)
            moved = {account: reached.version for account, reached in heads.items()}
            self.database.tell(connection, moved)
            return batch, moved

        batch, moved = await self.database.write(work, self._take_up.forget)
        self.positions[batch.partition] = Position(batch.position, batch.digest)
        self._on_moved(moved)

    def _claim(self, connection: Connection, partition: int) -> None:
        """Have the partition for this transaction, if it is where it was left."""
        if not self.database.shared:
            return
        self.database.guard(connection, partition)
        stored = positions.read(connection).get(partition) or Position(Acceptance(), "")
        known = self.position(partition)
        if (stored.acceptance.offset, stored.digest) != (known.acceptance.offset, known.digest):
            raise Overtaken(partition)
