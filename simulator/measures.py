"""What a run measures: how often, and how long; in memory that does not grow with the run."""

import math
from collections import Counter, OrderedDict

STEP = 1.05
"""Each class of a distribution is 5 % wider than the one before: so precise are percentiles."""

SHORTEST = 1e-6
REMEMBERED = 20_000


class Distribution:
    """How long something took, in seconds."""

    def __init__(self) -> None:
        self._classes: Counter[int] = Counter()
        self.count = 0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.count += 1
        self.longest = max(self.longest, seconds)
        self._classes[_class(seconds)] += 1

    def percentile(self, share: float) -> float:
        """The time within which this share (0 to 1) stayed, to 5 %; 0.0 if there is none."""
        wanted = max(1, math.ceil(self.count * share))
        for number in sorted(self._classes):
            wanted -= self._classes[number]
            if wanted <= 0:
                return min(self.longest, float(SHORTEST * STEP**number))
        return 0.0

    @property
    def median(self) -> str:
        """The median, for people."""
        return _show(self.percentile(0.5)) if self.count else "-"

    def __str__(self) -> str:
        if not self.count:
            return "none"
        parts = [f"{share * 100:g}% {_show(self.percentile(share))}" for share in (0.5, 0.9, 0.99)]
        return f"{', '.join(parts)}, longest {_show(self.longest)} ({self.count:,})"


class Measures:
    """What happened in a run so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        """Why the outcome of an action was not known at first."""
        self.acknowledged = Distribution()
        """From sending an action to its answer."""
        self.delivered = Distribution()
        """From sending a message to its frame at another client."""
        self.waited = Distribution()
        """From asking for a chat to an operator's joining."""
        self.resumed = Distribution()
        """From a broken stream to being caught up again."""
        self._posted: OrderedDict[str, float] = OrderedDict()
        self._arrived: OrderedDict[str, list[float]] = OrderedDict()

    def post(self, message: str, at: float) -> None:
        """A message that now has an id was sent at this time (monotonic seconds)."""
        for arrival in self._arrived.pop(message, ()):
            self.delivered.add(max(0.0, arrival - at))
        self._posted[message] = at
        if len(self._posted) > REMEMBERED:
            self._posted.popitem(last=False)

    def arrive(self, message: str, at: float) -> None:
        """A message's frame came live to a client other than its sender's."""
        posted = self._posted.get(message)
        if posted is not None:
            self.delivered.add(max(0.0, at - posted))
            return
        self._arrived.setdefault(message, []).append(at)
        if len(self._arrived) > REMEMBERED:
            self._arrived.popitem(last=False)


def _class(seconds: float) -> int:
    return max(0, math.ceil(math.log(max(seconds, SHORTEST) / SHORTEST, STEP)))


def _show(seconds: float) -> str:
    """A time for people: 850 µs, 12.3 ms, 4.1 s."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"
