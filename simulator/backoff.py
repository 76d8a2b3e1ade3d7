"""Waiting before another try: twice as long each time, and never all clients at once."""

import random


class Backoff:
    """Gives the seconds to wait: a random part of a span that doubles up to a limit."""

    def __init__(self, chance: random.Random, *, first: float = 0.05, limit: float = 5.0) -> None:
        self._chance = chance
        self._first = first
        self._limit = limit
        self._span = first

    def next(self) -> float:
        """How long to wait before the next try."""
        wait = self._span * (0.5 + self._chance.random() / 2)
        self._span = min(self._limit, self._span * 2)
        return wait

    def reset(self) -> None:
        """It worked: begin with the shortest span again."""
        self._span = self._first
