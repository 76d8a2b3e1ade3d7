"""From a request that passed the edge to a session."""

from starlette.types import Scope

from api.auth.authenticator import Identity
from api.live.session import Outlet, Session
from api.live.wire import Wire
from schemas.refusals import Refused
from streams.domain.access import allows


def session_for(scope: Scope, wire: Wire, outlet: Outlet) -> Session:
    """A session for whoever asks. Raises Refused `not_allowed` for who may follow nothing."""
    return session_of(scope["identity"], wire, outlet)


def session_of(identity: Identity, wire: Wire, outlet: Outlet) -> Session:
    """A session for somebody. Raises Refused `not_allowed` for who may follow nothing."""
    viewer = identity.viewer
    if viewer is None or not allows(viewer, "events:read", account=viewer.account):
        raise Refused("not_allowed")
    return Session(viewer, wire, outlet, expires_at=identity.expires_at, token=identity.token)
