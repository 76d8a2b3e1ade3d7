"""What can go wrong with a fold, apart from the log itself.

DeskstreamError
├── ChainBroken        a decision does not follow from the one before it
└── SnapshotUnusable   a snapshot of another schema, or no snapshot at all
"""

from schemas.refusals import DeskstreamError


class ChainBroken(DeskstreamError):
    """A decision's `prev` is not the hash of its predecessor: the log was altered or torn."""


class SnapshotUnusable(DeskstreamError):
    """A snapshot that this version cannot read: throw it away and fold the log."""
