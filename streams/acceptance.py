"""The fence rule: which decisions on the log count. Every reader of `events` applies it alike."""

import logging
from typing import Final

import msgspec

from schemas import codec
from schemas.decisions import Decision, EventsRecord, Fence
from schemas.refusals import MalformedRecord

log_ = logging.getLogger(__name__)


class _Claim(msgspec.Struct):
    """What a record that cannot be read says of its place in the order."""

    type: str = ""
    fence: int = -1
    source: int = -1


_CLAIM: Final = msgspec.json.Decoder(_Claim)


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

    def read(self, offset: int, value: bytes) -> Decision | None:
        """As `take`, from the bytes of the record.

        Poison, which claims no place in the order, is ignored and reported. Raises MalformedRecord
        for a fence, or a decision that would be accepted, of a form that this code does not know:
        it was written by newer code, and to ignore it would be to disagree with other readers.
        """
        try:
            record = codec.decode_event_record(value)
        except MalformedRecord as error:
            if offset >= self.offset:
                if self._claimed(value):
                    raise
                log_.warning("the record at %d of events cannot be read: %s", offset, error)
                self.offset = offset + 1
                self.ignored += 1
            return None
        return self.take(offset, record)

    def _claimed(self, value: bytes) -> bool:
        try:
            claim = _CLAIM.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        follows = claim.fence == self.fence and claim.source == self.source + 1
        return claim.type == "fence" or (claim.fence >= 0 and follows)

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
