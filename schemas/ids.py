"""Ids: event ids that sort as things happened, and action ids that are unique."""

import itertools
import secrets

EVENT_ID_LENGTH = 20
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_TRIPLES = ["".join(triple) for triple in itertools.product(_ALPHABET, repeat=3)]
_LIMIT = 1 << 48
_CHARACTERS = frozenset(_ALPHABET)


def event_id(milliseconds: int, version: int) -> str:
    """The id of the event with this account version at this time (ms since 1970).

    12 bytes, `[48-bit milliseconds][48-bit version]`, in xid's lower-case base32hex: 20
    characters, of which the last carries four zero bits. Raises ValueError out of range.
    """
    if not (0 <= milliseconds < _LIMIT and 0 <= version < _LIMIT):
        raise ValueError(f"no event id for {milliseconds} ms, version {version}")
    bits = ((milliseconds << 48) | version) << 4
    return (
        _TRIPLES[bits >> 85]
        + _TRIPLES[bits >> 70 & 0x7FFF]
        + _TRIPLES[bits >> 55 & 0x7FFF]
        + _TRIPLES[bits >> 40 & 0x7FFF]
        + _TRIPLES[bits >> 25 & 0x7FFF]
        + _TRIPLES[bits >> 10 & 0x7FFF]
        + _TRIPLES[bits & 0x3FF][1:]
    )


def parse_event_id(text: str) -> tuple[int, int]:
    """The (milliseconds, version) of an event id. Raises ValueError for anything else."""
    if len(text) != EVENT_ID_LENGTH or not _CHARACTERS.issuperset(text):
        raise ValueError(f"not an event id: {text!r}")
    bits = int(text, 32)
    if bits & 0xF:
        raise ValueError(f"not an event id: {text!r}")
    return bits >> 52, bits >> 4 & (_LIMIT - 1)


class ActionIds:
    """A source of action ids: a random prefix per source, then a counter in hexadecimal."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = prefix or secrets.token_hex(8)
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """An id that no other source, and no earlier call, has given."""
        return f"{self._prefix}-{next(self._numbers):x}"
