"""How much one append may hold, and how to append more than that."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from streams.log.errors import RecordTooLarge

_T = TypeVar("_T")

PORTION_RECORDS: Final = 1_000
"""Records of one portion: a log may frame each with half a KiB of its own."""


class Bounds(NamedTuple):
    """The most bytes of one record, and of all records of one append together."""

    record: int
    append: int

    def measure(self, values: Sequence[bytes]) -> int:
        """The bytes of an append. Raises RecordTooLarge, ValueError for no values."""
        sizes = [*map(len, values)]
        if not sizes:
            raise ValueError("An append needs at least one value.")
        if max(sizes) > self.record:
            raise RecordTooLarge(f"A record has more than {self.record} bytes.")
        size = sum(sizes)
        if size > self.append:
            raise RecordTooLarge(f"An append has more than {self.append} bytes.")
        return size

    def portions(self, items: Sequence[_T], value: Callable[[_T], bytes]) -> Iterator[list[_T]]:
        """The items in portions for one append each; `value` gives the record of an item."""
        portion: list[_T] = []
        room = self.append
        for item in items:
            size = len(value(item))
            if portion and (size > room or len(portion) == PORTION_RECORDS):
                yield portion
                portion, room = [], self.append
            portion.append(item)
            room -= size
        if portion:
            yield portion
