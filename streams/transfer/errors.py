"""What can go wrong with a move.

DeskstreamError
└── TransferFailed
    ├── ArchiveDamaged   the file is not what was written, or not all of it
    ├── LogNotEmpty      the log to import into holds something else
    └── TransferBroken   what stands on a log is not what the file says
"""

from schemas.refusals import DeskstreamError


class TransferFailed(DeskstreamError):
    """The root."""


class ArchiveDamaged(TransferFailed):
    """The file is damaged, cut off, of another form, or none of ours."""


class LogNotEmpty(TransferFailed):
    """The log holds records that this import did not write, or somebody else writes to it."""


class TransferBroken(TransferFailed):
    """A version is missing, or an account on the log is not the account in the file."""
