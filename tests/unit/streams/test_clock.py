"""The clock: forwards only, whatever the wall clock does."""

from hypothesis import given
from hypothesis import strategies as st

from streams.clock import SteadyClock


class Clocks:
    """A wall clock that can be set, and a monotonic one; in seconds."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 5.0

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.monotonic)

    def go_on(self, seconds: float, *, wall: float | None = None) -> None:
        self.monotonic += seconds
        self.wall += seconds if wall is None else wall


def test_it_follows_the_wall_clock() -> None:
    clocks = Clocks()
    clock = clocks.steady()
    clocks.go_on(1.5)
    assert clock() == 1_000_001_500


def test_set_back_by_an_hour_it_goes_on_at_its_own_pace() -> None:
    clocks = Clocks()
    clock = clocks.steady()
    clocks.go_on(2, wall=-3_600)
    assert clock() == 1_000_002_000


def test_set_forward_by_a_day_it_follows() -> None:
    clocks = Clocks()
    clock = clocks.steady()
    clocks.go_on(1, wall=86_400)
    assert clock() == 1_086_400_000


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(-100_000, 100_000))))
def test_it_never_runs_backwards(steps: list[tuple[float, float]]) -> None:
    clocks = Clocks()
    clock = clocks.steady()
    times = [clock()]
    for seconds, wall in steps:
        clocks.go_on(seconds, wall=wall)
        times.append(clock())
    assert times == sorted(times)
