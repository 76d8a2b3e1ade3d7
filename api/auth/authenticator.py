"""From a bearer token to who it is: an operator, a visitor, or the platform."""

import hmac
from typing import NamedTuple

from api.auth.token_directory import Holder, TokenDirectory, digest_of
from api.auth.visitor_tokens import VisitorTokens
from streams.domain.access import Viewer

MAX_TOKEN = 512
"""Characters; nothing longer was ever handed out."""


class Identity(NamedTuple):
    """Who a token stands for.

    `viewer` is None for the platform, which may make accounts and nothing else. `expires_at` is
    in ms since 1970. `token` is the SHA-256 of an operator's token, None for the others: a
    connection ends when that token is revoked (events `token_revoked`, `password_set` and
    `operator_removed`).
    """

    viewer: Viewer | None
    expires_at: int
    token: str | None = None


NEVER = 2**48 - 1
"""The platform's token does not expire."""


class Authenticator:
    """Tells who a token stands for."""

    def __init__(
        self, tokens: TokenDirectory, visitors: VisitorTokens, platform_token: str
    ) -> None:
        self.tokens = tokens
        self.visitors = visitors
        self._platform = platform_token.encode()

    def known(self, token: str) -> Identity | None:
        """Who it is, if that can be told without waiting; None says nothing yet."""
        if "." in token:
            return self._visitor(token)
        digest = digest_of(token)
        return _operator(self.tokens.known(digest), digest)

    async def identify(self, token: str) -> Identity | None:
        """Who it is; None for a token that is unknown, ended or revoked.

        Raises Problem `unavailable` when that cannot be told now.
        """
        if not 0 < len(token) <= MAX_TOKEN or not token.isascii():
            return None
        identity = self.known(token)
        if identity is not None or "." in token:
            return identity
        if hmac.compare_digest(token.encode(), self._platform):
            return Identity(None, NEVER)
        digest = digest_of(token)
        return _operator(await self.tokens.find(digest), digest)

    def _visitor(self, token: str) -> Identity | None:
        claim = self.visitors.read(token)
        if claim is None:
            return None
        viewer = Viewer(kind="visitor", id=claim.visitor, account=claim.account)
        return Identity(viewer, claim.expires_at)


def _operator(holder: Holder | None, digest: str) -> Identity | None:
    if holder is None:
        return None
    viewer = Viewer(kind="operator", id=holder.operator, account=holder.account, role=holder.role)
    return Identity(viewer, holder.expires_at, digest)
