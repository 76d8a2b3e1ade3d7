"""Follow Deskstream's events on Kafka, from another system.

    python consumer.py localhost:9092
    python consumer.py localhost:9092 --positions positions.json

Prints every event that counts, one JSON object a line, with its account. It needs aiokafka and
nothing of Deskstream's; copy it and put your own work where the events are printed. The rule by
which a decision is accepted, and why it is needed: docs/reference/topics.md.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer


@dataclass
class Reader:
    """How far one partition was read, and what is needed to judge its next record."""

    offset: int = 0
    fence: int = -1
    source: int = -1
    ignored: int = 0

    def accept(self, offset: int, value: bytes) -> dict[str, Any] | None:
        """The decision in the record at `offset` if it counts, else None."""
        if offset < self.offset:
            return None  # read before
        self.offset = offset + 1
        try:
            record = json.loads(value)
        except (ValueError, RecursionError):
            record = None
        match record:
            case {"type": "fence"}:
                self.fence = offset
            case {"type": "decision", "fence": self.fence, "source": source} if (
                source == self.source + 1
            ):
                self.source = source
                accepted: dict[str, Any] = record
                return accepted
            case _:  # a decision that does not count, poison, or what later versions write
                self.ignored += 1
        return None


class Positions:
    """The readers of all partitions, kept in a file if there is one.

    They are stored after the work, so a crash between the two has that work done twice. Keep them
    in the database that you write to, in the same transaction, and it is done once.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.readers: dict[int, Reader] = {}
        if path is not None and path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self.readers = {int(number): Reader(**fields) for number, fields in stored.items()}

    def of(self, partition: int) -> Reader:
        """The reader of a partition; a new one begins at the topic's beginning."""
        return self.readers.setdefault(partition, Reader())

    def store(self) -> None:
        """Keep them as they are."""
        if self._path is not None:
            new = self._path.with_name(self._path.name + ".new")
            fields = {number: asdict(reader) for number, reader in self.readers.items()}
            new.write_text(json.dumps(fields), encoding="utf-8")
            new.replace(self._path)


def events(decision: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a decision, each with the account it belongs to."""
    for event in decision.get("events", ()):
        yield {"account": decision["account"], **event}


async def follow(brokers: str, topic: str, positions: Positions, *, until_end: bool) -> None:
    """Print the events of all partitions; until stopped, or until there are no more."""
    # No consumer group: each of these processes reads everything, and its place is in `positions`.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, enable_auto_commit=False)
    try:
        await consumer.start()
        places = consumer.assignment()
        ends = await consumer.end_offsets(places)
        for place in places:
            start = positions.of(place.partition).offset
            if start > ends[place]:
                raise SystemExit("The positions are those of another topic.")
            consumer.seek(place, start)
        while not until_end or any(positions.of(p.partition).offset < ends[p] for p in places):
            batches = await consumer.getmany(timeout_ms=1_000)
            for place, records in batches.items():
                reader = positions.of(place.partition)
                for record in records:
                    decision = reader.accept(record.offset, record.value or b"")
                    for event in events(decision) if decision else ():
                        print(json.dumps(event), flush=True)
            positions.store()
    finally:
        await consumer.stop()


def main() -> None:
    """Read the command line and follow."""
    parser = argparse.ArgumentParser(description="Follow Deskstream's events on Kafka.")
    parser.add_argument("brokers", help="host:port,host:port")
    parser.add_argument("--prefix", default="deskstream.", help="what the topics' names begin with")
    parser.add_argument("--positions", type=Path, help="file in which to keep what was read")
    parser.add_argument("--until-end", action="store_true", help="end with the last record")
    given = parser.parse_args()
    work = follow(
        given.brokers,
        f"{given.prefix}events",
        Positions(given.positions),
        until_end=given.until_end,
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(work)


if __name__ == "__main__":
    main()
