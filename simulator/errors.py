"""What the client raises.

DeskstreamError
├── OutcomeUnknown   no answer: the action may or may not have been decided; repeat with its key
├── TurnedAway       the server did not take the request, and will not if it is repeated
└── StreamLost       a live connection is over (in transports)
"""

from schemas.refusals import DeskstreamError


class OutcomeUnknown(DeskstreamError):
    """No answer, or one that leaves it open. `retry_after`: seconds that the server asked for."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class TurnedAway(DeskstreamError):
    """An error that is no decision: `code` and `status` as the server's problem says."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.status = status
        self.code = code
