"""Limits: how often somebody may ask. What a request may weigh stands in `api.edge`."""

import time
from collections.abc import Callable, Hashable
from typing import NamedTuple

CAPACITY = 100_000
"""Keys remembered; beyond it the one unused for longest starts afresh."""


class Allowance(NamedTuple):
    """What a limiter says to one request; times in seconds.

    `retry_after` is 0 when the request is let in; `reset` is when all of `limit` is there again.
    """

    limit: int
    remaining: int
    reset: float
    retry_after: float

    @property
    def refused(self) -> bool:
        """Whether the request has to wait."""
        return self.retry_after > 0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The RateLimit header fields, as ASGI has them."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % -int(-self.reset // 1)),
        ]


class RateLimiter:
    """A token bucket per key, kept as one number: the time at which it is full again.

    (That is the generic cell rate algorithm: no refill to compute, nothing to tick.)
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        capacity: int = CAPACITY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rate` in requests per second, lasting; `burst` at once; `clock` in seconds."""
        self._interval = 1 / rate
        self._burst = burst
        self._window = burst / rate
        self._capacity = capacity
        self._clock = clock
        self._full_at: dict[Hashable, float] = {}

    def take(self, key: Hashable) -> Allowance:
        """Let one request in, or say how long it has to wait."""
        now = self._clock()
        full_at = max(now, self._full_at.pop(key, now))
        after = full_at - now + self._interval
        excess = after - self._window
        if excess > 1e-9:
            self._full_at[key] = full_at
            return Allowance(self._burst, 0, full_at - now, excess)
        self._full_at[key] = now + after
        if len(self._full_at) > self._capacity:
            del self._full_at[next(iter(self._full_at))]
        remaining = int((self._window - after) / self._interval + 1e-6)
        return Allowance(self._burst, remaining, after, 0.0)

    def look(self, key: Hashable) -> Allowance:
        """What `take` would say, without taking anything."""
        now = self._clock()
        after = max(now, self._full_at.get(key, now)) - now + self._interval
        remaining = max(0, int((self._window - after) / self._interval + 1e-6))
        return Allowance(self._burst, remaining, after, max(0.0, after - self._window))

    def __len__(self) -> int:
        return len(self._full_at)
