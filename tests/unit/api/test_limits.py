from api.limits import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_in_and_the_next_waits() -> None:
    limiter = RateLimiter(2.0, 3, clock=Clock())
    assert [limiter.take("a").remaining for _ in range(3)] == [2, 1, 0]
    refused = limiter.take("a")
    assert refused.refused
    assert (refused.remaining, refused.retry_after) == (0, 0.5)


def test_time_gives_back_at_the_rate() -> None:
    clock = Clock()
    limiter = RateLimiter(2.0, 3, clock=clock)
    for _ in range(3):
        limiter.take("a")
    clock.now += 0.5
    assert not limiter.take("a").refused
    assert limiter.take("a").refused
    clock.now += 100
    assert limiter.take("a").remaining == 2


def test_refused_requests_cost_nothing() -> None:
    clock = Clock()
    limiter = RateLimiter(1.0, 1, clock=clock)
    limiter.take("a")
    for _ in range(50):
        assert limiter.take("a").refused
    clock.now += 1.0
    assert not limiter.take("a").refused


def test_keys_do_not_share() -> None:
    limiter = RateLimiter(1.0, 1, clock=Clock())
    assert not limiter.take("a").refused
    assert not limiter.take("b").refused
    assert limiter.take("a").refused


def test_looking_takes_nothing() -> None:
    limiter = RateLimiter(1.0, 1, clock=Clock())
    assert not limiter.look("a").refused
    assert not limiter.take("a").refused
    assert limiter.look("a").refused


def test_memory_is_bounded() -> None:
    limiter = RateLimiter(1.0, 1, capacity=10, clock=Clock())
    for number in range(1_000):
        limiter.take(number)
    assert len(limiter) == 10


def test_headers_are_whole_numbers() -> None:
    limiter = RateLimiter(3.0, 2, clock=Clock())
    assert limiter.take("a").headers() == [
        (b"ratelimit-limit", b"2"),
        (b"ratelimit-remaining", b"1"),
        (b"ratelimit-reset", b"1"),
    ]
