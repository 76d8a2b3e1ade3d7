"""Back-off: failed logins make the next one wait, twice as long each time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

CAPACITY = 20_000
"""Keys remembered; beyond it the one that failed longest ago is forgotten."""


class _Failures(msgspec.Struct):
    count: int
    until: float
    last: float


class Backoff:
    """Counts failures per key in bounded memory.

    An attempt counts as failed from its start, so that many at once gain nothing; `succeeded`
    takes it back. The first `free` failures cost nothing, the next one `first` seconds, then
    twice that, up to `longest`. Failures older than `memory` seconds are forgotten.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        free: int,
        first: float = 1.0,
        longest: float = 60.0,
        memory: float = 900.0,
    ) -> None:
        """`clock` in seconds, monotonic."""
        self._clock = clock
        self._free = free
        self._first = first
        self._longest = longest
        self._memory = memory
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def wait(self, key: Hashable) -> float:
        """Seconds until the next attempt is let in; 0 when it is now."""
        failures = self._failures.get(key)
        return 0.0 if failures is None else max(0.0, failures.until - self._clock())

    def attempt(self, key: Hashable) -> None:
        """Count an attempt as failed, until `succeeded` says otherwise."""
        now = self._clock()
        failures = self._failures.pop(key, None)
        if failures is None or now - failures.last > self._memory:
            failures = _Failures(0, now, now)
        failures.count += 1
        failures.last = now
        costly = failures.count - self._free
        if costly > 0:
            failures.until = now + min(self._longest, self._first * 2.0 ** min(costly - 1, 30))
        self._failures[key] = failures
        if len(self._failures) > CAPACITY:
            self._failures.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """Forget the key's failures."""
        self._failures.pop(key, None)

    def forgive(self, key: Hashable) -> None:
        """Take one attempt back: it did not fail, but what else failed under the key stays."""
        failures = self._failures.get(key)
        if failures is not None:
            failures.count -= 1
            failures.until = self._clock()
            if failures.count <= 0:
                del self._failures[key]

    def __len__(self) -> int:
        return len(self._failures)
