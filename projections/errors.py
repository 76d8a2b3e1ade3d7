"""What can go wrong with the projections.

ProjectionError
├── Hole         an account's events do not follow on from what the rows have
├── Damaged      the stored rows cannot be trusted: they have to be built anew
├── Overtaken    another process has written a partition: go on where it has come
├── NotReady     there is nothing to read yet: a first build is under way
└── Unwritable   a write failed and nothing of it is stored: try again later
"""

from schemas.refusals import DeskstreamError


class ProjectionError(DeskstreamError):
    """The root of what the projections raise."""


class Hole(ProjectionError):
    """Events are missing between version `expected` and version `found` of an account."""

    def __init__(self, account: str, expected: int, found: int) -> None:
        super().__init__(f"account {account}: version {expected} is missing before {found}")
        self.account = account
        self.expected = expected
        self.found = found


class Damaged(ProjectionError):
    """The file, a row, or what a row must refer to is broken; says which."""


class Overtaken(ProjectionError):
    """Another process has taken up records of this partition."""

    def __init__(self, partition: int) -> None:
        super().__init__(f"another process has taken up records of partition {partition}")


class NotReady(ProjectionError):
    """Nothing can be read until the build that is under way has caught up with the log."""


class Unwritable(ProjectionError):
    """The store does not take writes now: the disk is full, or the like."""
