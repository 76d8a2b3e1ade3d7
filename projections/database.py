"""What the projections ask of a database, and of the place where its generations stand."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

Result = TypeVar("Result")

Moved = Mapping[str, int]
"""The version that each account of a batch has reached."""


class Database(Protocol):
    """The tables of one generation. All methods belong to one event loop."""

    async def write(
        self, work: Callable[[Connection], Result], undo: Callable[[], None] | None = None
    ) -> Result:
        """Run `work` in one transaction, after all earlier writes.

        Raises Damaged, or Unwritable; then nothing of it is stored, and `undo` was called
        before any later write began.
        """
        ...

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` on one state of the rows. Raises Damaged, or Unwritable if locked out."""
        ...

    async def verify(self) -> None:
        """Read what can be checked. Raises Damaged."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other processes may write, too."""
        ...

    async def try_to_lead(self, partition: int) -> bool:
        """Whether this process is, from now on, the one that is to write this partition."""
        ...

    def guard(self, connection: Connection, partition: int) -> None:
        """Keep other processes from writing this partition until the transaction ends."""
        ...

    def tell(self, connection: Connection, moved: Moved) -> None:
        """Let other processes know of it once the transaction is committed."""
        ...

    async def settle(self) -> None:
        """Close it, and have all of it on the disk. Raises Unwritable."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of everything."""
        ...


class Place(Protocol):
    """Where the current generation stands, and beside it the next one while it is built."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other processes may build and write here, too."""
        ...

    async def is_empty(self) -> bool:
        """Whether nothing stands there. Raises Unwritable."""
        ...

    async def identity(self) -> str:
        """Another one for each generation that other processes put there; "" if there are none.

        Raises Unwritable.
        """
        ...

    def open(self) -> Database:
        """The current generation's database, made if it is not there."""
        ...

    async def open_beside(self) -> Database:
        """A new, empty database beside it."""
        ...

    async def claim(self) -> None:
        """Wait until no other process builds anything beside it."""
        ...

    async def release(self) -> None:
        """Let other processes build."""
        ...

    async def clear_beside(self) -> None:
        """Remove what stands beside it."""
        ...

    async def put_in_place(self) -> None:
        """Put what stands beside it, and is settled, in its place, in one step."""
        ...

    async def follow(self, moved: Callable[[Moved], None], lost: Callable[[], Any]) -> None:
        """Tell what other processes `tell`, until cancelled; `lost` when some may be missing."""
        ...
