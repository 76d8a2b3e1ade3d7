"""Visitors' tokens: signed and expiring, so that nothing has to be stored for them."""

import base64
import hmac
from typing import NamedTuple

from streams.clock import Clock

DOMAIN = b"deskstream visitor token 1\n"
"""Keeps the signature from being one of anything else that the same key may sign."""


class VisitorToken(NamedTuple):
    """A token as it is handed out; `expires_at` in ms since 1970."""

    token: str
    expires_at: int


class VisitorClaim(NamedTuple):
    """What a valid token says."""

    account: str
    visitor: str
    expires_at: int


class VisitorTokens:
    """Signs and reads `account.visitor.expiry.signature` (HMAC-SHA-256, URL-safe)."""

    def __init__(self, key: str, clock: Clock, hours: float) -> None:
        """`hours` until a token ends."""
        self._key = key.encode()
        self._clock = clock
        self._lifetime = int(hours * 3_600_000)

    def issue(self, account: str, visitor: str) -> VisitorToken:
        """A new token for a visitor."""
        expires_at = self._clock() + self._lifetime
        claim = f"{account}.{visitor}.{expires_at:x}"
        return VisitorToken(f"{claim}.{self._sign(claim)}", expires_at)

    def read(self, token: str) -> VisitorClaim | None:
        """What the token says; None if it is not ours or has ended."""
        claim, _, signature = token.rpartition(".")
        if not (claim.isascii() and signature.isascii()):
            return None
        if not hmac.compare_digest(self._sign(claim), signature):
            return None
        account, visitor, expiry = claim.split(".")
        expires_at = int(expiry, 16)
        if expires_at <= self._clock():
            return None
        return VisitorClaim(account, visitor, expires_at)

    def _sign(self, claim: str) -> str:
        digest = hmac.digest(self._key, DOMAIN + claim.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
