"""Where a process keeps its data: the log, the deciders' snapshots, the rows."""

from dataclasses import dataclass
from typing import Self

from projections.store import Projections
from streams.log.port import Log
from streams.log.snapshots import FileSnapshots, SnapshotStore
from streams.log.sqlite import LogLimits, SqliteLog
from streams.settings import Settings, WrongSettings


@dataclass(frozen=True, slots=True)
class Storage:
    """What was opened; `rows` only where it was asked for."""

    log: Log
    snapshots: SnapshotStore
    _rows: Projections | None

    @property
    def rows(self) -> Projections:
        """The projections' rows. Raises RuntimeError where they were not opened."""
        if self._rows is None:
            raise RuntimeError("this process has no rows")
        return self._rows

    @classmethod
    async def open(cls, settings: Settings, *, rows: bool = True) -> Self:
        """Open what the settings name, or make it. Rows of another or a longer log are none.

        Raises LogUnusable (in use, torn, altered, of another kind), OSError.
        """
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.kafka:
            log, snapshots = await _open_kafka(settings)
        else:
            log, snapshots = await _open_embedded(settings)
        opened: Projections | None = None
        try:
            if rows:
                opened = await open_rows(settings)
                await opened.generations.compare(log)
        except BaseException:
            if opened is not None:
                await opened.close()
            await log.close()
            raise
        return cls(log, snapshots, opened)

    async def close(self) -> None:
        """Let go of everything."""
        if self._rows is not None:
            await self._rows.close()
        await self.log.close()


async def _open_embedded(settings: Settings) -> tuple[Log, SnapshotStore]:
    log = await SqliteLog.open(
        settings.data / "log",
        partitions=settings.partitions,
        limits=LogLimits(record_bytes=settings.max_record),
    )
    return log, FileSnapshots(settings.data / "snapshots", log=log.identity)


async def _open_kafka(settings: Settings) -> tuple[Log, SnapshotStore]:
    from streams.cloudevents import headers_of
    from streams.kafka_connection import KafkaConnection
    from streams.log.kafka import KafkaLimits, KafkaLog
    from streams.log.kafka_snapshots import KafkaSnapshots
    from streams.topics import Layout, check

    connection = KafkaConnection.of(settings)
    await check(connection, Layout.of(settings))
    limits = KafkaLimits(record_bytes=settings.max_record)
    log = await KafkaLog.open(connection, limits=limits, headers=headers_of)
    return log, KafkaSnapshots(connection, log.identity)


async def open_rows(settings: Settings) -> Projections:
    """The projections that the settings name. Raises OSError, WrongSettings, Unwritable."""
    url = settings.database or f"sqlite:///{settings.data / 'projections.sqlite3'}"
    try:
        return await Projections.open(url)
    except ValueError as error:
        raise WrongSettings(f"DESKSTREAM_DATABASE: {error}") from error
