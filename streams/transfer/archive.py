"""The file of an export: JSON Lines in gzip, each line one struct below, the last one `End`.

Records stand in it as JSON texts, so their exact bytes are there to be hashed: a decision's
`prev` is the SHA-256 of its predecessor's text, as it was on the log that was exported.
"""

import gzip
import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypedDict

import msgspec

from streams.log.snapshots import sync_directory
from streams.transfer.errors import ArchiveDamaged

FORMAT: Final = 1
"""The version of the form; goes up when older code could not read it any more."""

_LEVEL: Final = 6


class Line(msgspec.Struct, tag_field="kind", frozen=True, omit_defaults=True, gc=False):
    """The base of what a line can be; `kind` says which."""


class Header(Line, tag="export", frozen=True):
    """The first line: of which log, with how many partitions, when (ms since 1970)."""

    format: int
    log: str
    partitions: int
    made_at: int


class Keys(Line, tag="keys", frozen=True):
    """Secrets of the installation; only if that was asked for. Follows the header."""

    secret: str | None = None
    platform_token: str | None = None


class Packed(Line, frozen=True, kw_only=True):
    """The bytes of a record: `text`, or `base64` where they are no UTF-8."""

    text: str | None = None
    base64: bytes | None = None

    @property
    def value(self) -> bytes | None:
        """The record; None if the log has it no more."""
        return self.base64 if self.text is None else self.text.encode()


class PackedFields(TypedDict, total=False):
    """The fields of Packed."""

    text: str
    base64: bytes


class Decided(Packed, tag="decision", frozen=True):
    """An accepted decision; the record is the action, `decision` the decision's text.

    `partition` and `offset` say where the decision stood. Each account's follow one another in
    its order; over accounts they are in the order of time.
    """

    partition: int
    offset: int
    decision: str


class Pending(Packed, tag="pending", frozen=True):
    """An action that was not decided yet. These follow all decisions."""

    partition: int


class Visit(Packed, tag="visit", frozen=True):
    """A record of the topic `visits`."""

    partition: int


class AccountTally(Line, tag="account", frozen=True):
    """An account at the end. `digest` is over its decisions but for their places on the log."""

    account: str
    version: int
    decisions: int
    digest: str
    id: str = ""
    """The id of its newest event."""


class End(Line, tag="end", frozen=True):
    """The last line. `sha256` is that of all lines before it, uncompressed."""

    decisions: int
    pending: int
    visits: int
    sha256: str


AnyLine = Header | Keys | Decided | Pending | Visit | AccountTally | End

_LINE: Final = msgspec.json.Decoder(AnyLine)
_encode: Final = msgspec.json.Encoder().encode


def packed(value: bytes | None) -> PackedFields:
    """The fields of Packed for a record."""
    if value is None:
        return {}
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": value}


class ArchiveWriter:
    """Writes a file that is there under its name only when it is complete."""

    def __init__(self, path: Path) -> None:
        """Raises FileExistsError, OSError. The file is for its owner alone (mode 600)."""
        if path.exists():
            raise FileExistsError(f"{path} exists already.")
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._file = os.fdopen(os.open(self._partial, flags, 0o600), "wb")
        self._lines = gzip.GzipFile("", "wb", _LEVEL, self._file, mtime=0)
        self._hash = hashlib.sha256()
        self._counts: Counter[type[Line]] = Counter()

    def __enter__(self) -> Self:
        return self

    def write(self, line: AnyLine) -> None:
        """Add a line."""
        self._counts[type(line)] += 1
        text = _encode(line) + b"\n"
        self._hash.update(text)
        self._lines.write(text)

    def finish(self) -> End:
        """Add the end and give the file its name."""
        end = End(
            decisions=self._counts[Decided],
            pending=self._counts[Pending],
            visits=self._counts[Visit],
            sha256=self._hash.hexdigest(),
        )
        self.write(end)
        self._lines.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.rename(self._path)
        sync_directory(self._path.parent)
        return end

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if not self._file.closed:
            self._file.close()
            self._partial.unlink()


def read_archive(path: Path) -> Iterator[AnyLine]:
    """The lines, the header first and the end last. Raises ArchiveDamaged, OSError.

    What was read is proven only when the end has been read.
    """
    digest = hashlib.sha256()
    end: End | None = None
    number = 0
    try:
        with gzip.open(path, "rb") as lines:
            for number, text in enumerate(lines, 1):
                if end is not None:
                    raise ArchiveDamaged(f"{path}: line {number} follows the end.")
                line = _LINE.decode(text)
                if number == 1:
                    _check_header(path, line)
                if isinstance(line, End):
                    end = line
                    if end.sha256 != digest.hexdigest():
                        raise ArchiveDamaged(f"{path}: the lines are not those that were written.")
                digest.update(text)
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveDamaged(f"{path} is damaged or cut off: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveDamaged(f"{path}: line {number + 1} cannot be read: {error}") from error
    if end is None:
        raise ArchiveDamaged(f"{path} is cut off: it has no end.")


def _check_header(path: Path, line: AnyLine) -> None:
    if not isinstance(line, Header):
        raise ArchiveDamaged(f"{path} does not begin as an export does.")
    if line.format != FORMAT:
        raise ArchiveDamaged(f"{path} has format {line.format}; this code reads {FORMAT}.")
