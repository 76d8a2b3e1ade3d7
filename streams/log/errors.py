"""What can go wrong with a log.

LogError
├── LogClosed            closed by us: no append, read or wait any more
├── RecordTooLarge       the caller's record or batch is above the limit
├── OffsetOutOfRange     the caller asks for more than there is: a longer log was here
├── LogUnavailable       the append failed or its outcome is unknown
│   ├── LogBusy          the queue is full: try again
│   └── LogFull          the disk is full: appends work again once there is room
└── LogUnusable          found at start or by verification: a person has to look
    ├── LogInUse         another process owns the directory
    ├── LogMisfit        made with other settings or by another version
    ├── LogForeign       the files do not belong together
    ├── MarkLost         the high-water mark is gone, so the log may be torn
    └── LogDamaged       the content is not what was acknowledged
        ├── LogTorn      acknowledged records are missing
        └── LogAltered   content differs from what was acknowledged
"""

from typing import NamedTuple


class LogError(Exception):
    """The root. `code` is stable and fit for metrics and answers."""

    code = "log_error"


class LogClosed(LogError):
    """The log was closed in this process."""

    code = "log_closed"


class RecordTooLarge(LogError):
    """A record, or all records of one append together, has more bytes than the log takes."""

    code = "record_too_large"


class OffsetOutOfRange(LogError):
    """A read starts after the end of the partition, so the reader has seen a longer log."""

    code = "offset_out_of_range"


class LogUnavailable(LogError):
    """An append failed. Nothing of it is on the log, or that is unknown: read to find out."""

    code = "log_unavailable"


class LogBusy(LogUnavailable):
    """The bounded queue before the disk is full. Nothing of this append is on the log."""

    code = "log_busy"


class LogFull(LogUnavailable):
    """No room on the disk. Nothing of this append is on the log; reads go on."""

    code = "log_full"


class LogUnusable(LogError):
    """The log cannot be used as it stands; it is left exactly as it was found."""

    code = "log_unusable"


class LogInUse(LogUnusable):
    """Another process owns the log. `pid` is its process id, None if it left no trace."""

    code = "log_in_use"

    def __init__(self, path: str, pid: int | None) -> None:
        owner = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"The log in {path} is in use by {owner}.")
        self.pid = pid


class LogMisfit(LogUnusable):
    """The log was made with another number of partitions or by another version of the schema."""

    code = "log_misfit"


class LogForeign(LogUnusable):
    """The high-water mark and the log were not written by the same installation."""

    code = "log_foreign"


class MarkLost(LogUnusable):
    """The high-water mark is missing or damaged: nothing tells whether the log is whole."""

    code = "mark_lost"


class Damage(NamedTuple):
    """Where a log is damaged: the offsets from `first` up to but without `end`."""

    topic: str
    partition: int
    first: int
    end: int
    detail: str

    def __str__(self) -> str:
        offsets = f"offsets {self.first} to {self.end - 1}"
        return f"topic {self.topic}, partition {self.partition}, {offsets}: {self.detail}"


class LogDamaged(LogUnusable):
    """What LogTorn and LogAltered have in common: `damages`, one for each place."""

    code = "log_damaged"
    headline = "The log is damaged"

    def __init__(self, *damages: Damage) -> None:
        super().__init__(f"{self.headline}: " + "; ".join(map(str, damages)))
        self.damages = damages


class LogTorn(LogDamaged):
    """Records that were acknowledged are not there any more."""

    code = "log_torn"
    headline = "The log is torn"


class LogAltered(LogDamaged):
    """A batch is not what was written: its hash, or its place in the chain, differs."""

    code = "log_altered"
    headline = "The log was altered"
