"""The clock of a process: milliseconds since 1970 that never run backwards."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives the time in whole milliseconds since 1970 (UTC)."""


class SteadyClock:
    """Follows the wall clock forwards only.

    When the wall clock is set back, time goes on at the pace of the monotonic clock, so that
    timers still come due and tokens still expire; a step forwards is followed at once.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._seconds = wall()
        self._at = monotonic()

    def __call__(self) -> int:
        """The time in milliseconds since 1970."""
        at = self._monotonic()
        self._seconds = max(self._wall(), self._seconds + (at - self._at))
        self._at = at
        return int(self._seconds * 1000)
