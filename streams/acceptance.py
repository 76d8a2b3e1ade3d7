"""The fence rule: which decisions on the log count. Every reader of `events` applies it alike."""

import msgspec

from schemas.decisions import Decision, EventsRecord, Fence


class Acceptance(msgspec.Struct):
    """How far a reader of one partition has come, and what it needs to judge the next record.

    A decision is accepted if its fence is the newest one read and its source is the last
    accepted source + 1. Since every reader sees the same order, all accept the same records.
    """

    fence: int = -1
    """Offset of the newest fence."""
    source: int = -1
    """Offset, in `actions`, of the action last decided."""
    ignored: int = 0
    """Decisions that did not count: a zombie's, or written twice."""
    offset: int = 0
    """The next record to read."""

    def take(self, offset: int, record: EventsRecord) -> Decision | None:
        """Take up the record at `offset`: the decision if it is accepted, else None.

        A record before `self.offset` was taken up earlier and changes nothing.
        """
        if offset < self.offset:
            return None
        self.offset = offset + 1
        if isinstance(record, Fence):
            self.fence = offset
            return None
        if record.fence != self.fence or record.source != self.source + 1:
            self.ignored += 1
            return None
        self.source = record.source
        return record
