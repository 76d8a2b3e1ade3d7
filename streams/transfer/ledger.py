"""What a move must keep: followed decision by decision, on either side of it."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Protocol

from msgspec.structs import replace

from schemas import codec
from schemas.decisions import Decision
from streams.domain.partition import Partition, fold
from streams.domain.state import Recent
from streams.transfer.archive import AccountTally
from streams.transfer.errors import TransferBroken

FORGET_AFTER: Final = 1_000
"""Decisions after which a partition's memory of keys is emptied: nobody asks it here."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class _Account:
    """What is counted of one account."""

    def __init__(self) -> None:
        self.version = 0
        self.decisions = 0
        self.id = ""
        self.digest: _Hash = hashlib.sha256()


class Ledger:
    """Folds decisions, which proves their chain, and counts versions and contents by account."""

    def __init__(self) -> None:
        self._partitions: defaultdict[int, Partition] = defaultdict(Partition)
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)

    def partition(self, number: int) -> Partition:
        """The state of a partition; the caller must not change it."""
        return self._partitions[number]

    def chain(self, number: int, account: str) -> str:
        """What the account's next decision in this partition has to follow."""
        partition = self._partitions[number]
        known = partition.accounts.get(account)
        return partition.chain if known is None else known.chain

    def take(self, number: int, decision: Decision, raw: bytes) -> None:
        """Take up the next decision of a partition; `raw` is how it stands on that log.

        Raises ChainBroken, TransferBroken.
        """
        self.pass_over(number, decision, raw)
        account = self._accounts[decision.account]
        for event in decision.events:
            if event.version != account.version + 1:
                raise TransferBroken(
                    f"Account {decision.account!r} has version {event.version} "
                    f"after {account.version}."
                )
            account.version = event.version
            account.id = event.id
        account.decisions += 1
        account.digest.update(codec.encode(replace(decision, source=0, fence=0, prev="")))

    def pass_over(self, number: int, decision: Decision, raw: bytes) -> None:
        """Take up a decision of a partition that is not part of what is moved."""
        partition = self._partitions[number]
        fold(partition, decision, raw)
        if len(partition.recent.young.answers) >= FORGET_AFTER:
            partition.recent = Recent()

    def tallies(self) -> Iterator[AccountTally]:
        """Every account, in the order of their names."""
        for name, account in sorted(self._accounts.items()):
            yield AccountTally(
                name, account.version, account.decisions, account.digest.hexdigest(), account.id
            )

    def compare(self, expected: dict[str, AccountTally], where: str) -> None:
        """Raises TransferBroken, which names the account, unless all are as expected."""
        found = {tally.account: tally for tally in self.tallies()}
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                raise TransferBroken(
                    f"{where}: account {name!r} is not as it was: "
                    f"{found.get(name)} instead of {expected.get(name)}."
                )
