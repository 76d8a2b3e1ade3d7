import pytest

from api.auth.backoff import CAPACITY, Backoff
from api.auth.login_brake import FREE_PER_ADDRESS, FREE_PER_LOGIN, LoginBrake
from api.problems import Problem


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_failures_cost_nothing_and_then_each_waits_twice_as_long() -> None:
    clock = Clock()
    backoff = Backoff(clock, free=2, first=1.0, longest=5.0)
    waits = []
    for _ in range(7):
        backoff.attempt("ana")
        waits.append(backoff.wait("ana"))
    assert waits == [0, 0, 1, 2, 4, 5, 5]
    clock.now += 5
    assert backoff.wait("ana") == 0


def test_failures_are_forgotten_after_a_while() -> None:
    clock = Clock()
    backoff = Backoff(clock, free=0, memory=900)
    backoff.attempt("ana")
    clock.now += 901
    backoff.attempt("ana")
    assert backoff.wait("ana") == 1


def test_memory_of_failures_is_bounded() -> None:
    backoff = Backoff(Clock(), free=0)
    for number in range(CAPACITY + 100):
        backoff.attempt(number)
    assert len(backoff) == CAPACITY


def test_a_good_login_forgets_the_failures() -> None:
    brake = LoginBrake(Clock())
    for _ in range(FREE_PER_LOGIN * 3):
        brake.attempt("acme", "ana", "::1")
        brake.succeeded("acme", "ana", "::1")


def test_a_guessed_login_has_to_wait_from_any_address() -> None:
    brake = LoginBrake(Clock())
    for number in range(FREE_PER_LOGIN + 1):
        brake.attempt("acme", "ana", f"10.0.0.{number}")
    with pytest.raises(Problem) as raised:
        brake.attempt("acme", "ana", "10.0.0.200")
    assert raised.value.code == "too_many_logins"
    assert raised.value.headers["retry-after"] == "1"
    brake.attempt("acme", "ben", "10.0.0.1")


def test_an_address_that_guesses_many_logins_has_to_wait() -> None:
    brake = LoginBrake(Clock())
    for number in range(FREE_PER_ADDRESS + 1):
        brake.attempt("acme", f"login{number}", "10.0.0.1")
    with pytest.raises(Problem) as raised:
        brake.attempt("acme", "another", "10.0.0.1")
    assert raised.value.code == "too_many_logins"


def test_what_could_not_be_checked_does_not_count() -> None:
    brake = LoginBrake(Clock())
    for _ in range(100):
        brake.attempt("acme", "ana", "::1")
        brake.unchecked("acme", "ana", "::1")
