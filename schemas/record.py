"""The base of every record: immutable, closed, fast to read and write."""

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
):
    """A value that is written to the log or shown to a client.

    Records are msgspec structs rather than pydantic models: reading one costs a quarter and
    writing one an eighth, and the log is folded from its first record (decision record 002).
    Unknown fields are an error; fields that hold their default are not written. There are no
    cycles in them, so the garbage collector does not look at them.
    """
