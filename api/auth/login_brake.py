"""The brake on guessing passwords."""

import time
from collections.abc import Callable

from api.auth.backoff import Backoff
from api.problems import too_many

FREE_PER_LOGIN = 5
FREE_PER_ADDRESS = 50
"""Many people may share an address, so it gets more patience."""


class LoginBrake:
    """What failed logins cost, per (account, login) and per address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds."""
        self._logins = Backoff(clock, free=FREE_PER_LOGIN)
        self._addresses = Backoff(clock, free=FREE_PER_ADDRESS)

    def attempt(self, account: str, login: str, address: str) -> None:
        """Count an attempt as failed. Raises Problem `too_many_logins` while it has to wait."""
        wait = max(self._logins.wait((account, login)), self._addresses.wait(address))
        if wait > 0:
            raise too_many("too_many_logins", wait)
        self._logins.attempt((account, login))
        self._addresses.attempt(address)

    def succeeded(self, account: str, login: str, address: str) -> None:
        """The attempt was good after all."""
        self._logins.succeeded((account, login))
        self._addresses.forgive(address)

    def unchecked(self, account: str, login: str, address: str) -> None:
        """The attempt could not be checked."""
        self._logins.forgive((account, login))
        self._addresses.forgive(address)
