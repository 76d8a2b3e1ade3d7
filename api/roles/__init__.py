"""What a process of Deskstream can be there for: answering, deciding, projecting. Or for all."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

from api.services import Check, Measure


class Role(Protocol):
    """One of the things that a process does."""

    @property
    def checks(self) -> Mapping[str, Check]:
        """For /readyz."""
        ...

    @property
    def measures(self) -> Sequence[Measure]:
        """For /metrics."""
        ...

    async def works(self) -> list[Coroutine[Any, Any, None]]:
        """What is to run, until cancelled. They raise what cannot be healed by going on."""
        ...

    async def ready(self) -> None:
        """Wait until others can rely on it."""
        ...

    async def leave(self) -> None:
        """Hand over to other processes what they can go on with; `works` still run."""
        ...

    async def close(self) -> None:
        """Let go of everything, when `works` have ended."""
        ...
