"""Keeping: the embedded log's own health, and its verification in the background."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from api.services import Check, Measure, Part
from streams.log.sqlite import SqliteLog

VERIFY_REST = 0.05
"""Seconds between the steps in which the whole log is verified."""

log_ = logging.getLogger(__name__)


class Keeping:
    """Looks after the log of an embedded installation."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.verified = asyncio.Event()
        """Set when the whole log was verified."""

    @property
    def checks(self) -> Mapping[str, Check]:
        """See Role.checks."""

        async def log() -> Part:
            failure = self._log.failure
            return Part(failure is None, str(failure or ""))

        return {"log": log}

    @property
    def measures(self) -> Sequence[Measure]:
        """See Role.measures."""
        return [
            Measure(
                "deskstream_log_queued_bytes",
                "gauge",
                "Bytes that wait to be written to the log.",
                lambda: self._log.queued_bytes,
            )
        ]

    async def works(self) -> list[Coroutine[Any, Any, None]]:
        """See Role.works."""
        return [self._verify()]

    async def _verify(self) -> None:
        async for _ in self._log.verify(rest=VERIFY_REST):
            pass
        self.verified.set()
        log_.info("the whole log was verified")

    async def ready(self) -> None:
        """See Role.ready."""

    async def leave(self) -> None:
        """See Role.leave."""

    async def close(self) -> None:
        """See Role.close."""
