"""The door: who gets in and how often, the same for requests and for live connections."""

from api.auth.authenticator import Authenticator, Identity
from api.limits import Allowance, RateLimiter
from api.problems import Problem, too_many
from streams.domain.access import Viewer
from streams.settings import Settings


class Door:
    """Tells who asks, and counts: viewers each for themselves, strangers by their address."""

    def __init__(self, authenticator: Authenticator, settings: Settings) -> None:
        self._authenticator = authenticator
        self._viewers = RateLimiter(settings.rate_per_viewer, settings.burst_per_viewer)
        self._addresses = RateLimiter(settings.rate_per_address, settings.burst_per_address)

    def known(self, token: str) -> Identity | None:
        """Who it is, if that can be told without waiting; None says nothing yet."""
        return self._authenticator.known(token) if token else None

    async def identify(self, token: str, address: str) -> Identity:
        """The slower way. Wrong tokens count against the address, lest somebody tries them all.

        Raises Problem `unauthenticated`, `too_many_requests`, or `unavailable` when it cannot be
        told now.
        """
        self._refuse(self._addresses.look(address))
        identity = await self._authenticator.identify(token) if token else None
        if identity is None:
            self._refuse(self._addresses.take(address))
            raise Problem("unauthenticated", headers={"www-authenticate": "Bearer"})
        return identity

    def count(self, viewer: Viewer) -> Allowance:
        """Count one request, connection or message of somebody who is known."""
        return self._viewers.take((viewer.account, viewer.kind, viewer.id))

    def count_stranger(self, address: str) -> Allowance:
        """Count one request of somebody who is not known."""
        return self._addresses.take(address)

    def left_for(self, address: str) -> Allowance:
        """What strangers at an address may still ask."""
        return self._addresses.look(address)

    @staticmethod
    def _refuse(allowance: Allowance) -> None:
        if allowance.refused:
            raise too_many("too_many_requests", allowance.retry_after)


def network_of(host: str) -> str:
    """What counts as one address: an IPv6 customer has a whole /64."""
    return ":".join(host.split(":")[:4]) if ":" in host else host
