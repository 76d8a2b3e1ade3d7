"""What one append may hold, and what is appended in portions."""

from itertools import chain

import pytest

from streams.log.bounds import PORTION_RECORDS, Bounds
from streams.log.errors import RecordTooLarge

BOUNDS = Bounds(record=4, append=10)


def portions(*values: bytes) -> list[list[bytes]]:
    found = [*BOUNDS.portions(values, bytes)]
    assert [*chain(*found)] == [*values]
    for portion in found:
        BOUNDS.measure(portion)
    return found


def test_an_append_is_measured_in_bytes_of_its_values() -> None:
    assert BOUNDS.measure([b"1234", b"1234", b"12"]) == 10
    with pytest.raises(RecordTooLarge, match="A record has more than 4 bytes"):
        BOUNDS.measure([b"1", b"12345"])
    with pytest.raises(RecordTooLarge, match="An append has more than 10 bytes"):
        BOUNDS.measure([b"1234", b"1234", b"123"])
    with pytest.raises(ValueError, match="at least one"):
        BOUNDS.measure([])


def test_what_fits_into_one_append_is_one_portion() -> None:
    assert portions() == []
    assert portions(b"1234", b"1234", b"12") == [[b"1234", b"1234", b"12"]]


def test_a_portion_ends_before_the_record_that_is_too_much() -> None:
    assert portions(b"1234", b"1234", b"123", b"", b"1234", b"1234") == [
        [b"1234", b"1234"],
        [b"123", b"", b"1234"],
        [b"1234"],
    ]


def test_a_portion_has_a_bounded_number_of_records() -> None:
    assert [*map(len, portions(*[b""] * (2 * PORTION_RECORDS + 1)))] == [
        PORTION_RECORDS,
        PORTION_RECORDS,
        1,
    ]
