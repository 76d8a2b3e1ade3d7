"""The file of an export: whole, or refused."""

import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from streams.errors import ChainBroken
from streams.log.memory import MemoryLog
from streams.log.port import Log
from streams.transfer.archive import (
    AccountTally,
    AnyLine,
    ArchiveWriter,
    Decided,
    Keys,
    read_archive,
)
from streams.transfer.errors import ArchiveDamaged, TransferBroken
from streams.transfer.importing import prove
from tests.support.moves import populate, save


@pytest.fixture
async def source() -> AsyncIterator[Log]:
    log = MemoryLog(partitions=4)
    await populate(log)
    yield log
    await log.close()


async def test_a_file_cut_off_anywhere_is_refused(source: Log, tmp_path: Path) -> None:
    whole = (await save(source, tmp_path / "export")).read_bytes()
    cut = tmp_path / "cut"
    for length in {*range(0, len(whole), max(1, len(whole) // 97)), len(whole) - 1}:
        cut.write_bytes(whole[:length])
        with pytest.raises(ArchiveDamaged):
            prove(cut)


async def test_a_damaged_file_is_refused(source: Log, tmp_path: Path) -> None:
    whole = (await save(source, tmp_path / "export")).read_bytes()
    damaged = tmp_path / "damaged"
    for at in range(10, len(whole), max(1, len(whole) // 97)):
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(ArchiveDamaged):
            prove(damaged)


async def test_lines_that_were_changed_or_left_out_are_refused(source: Log, tmp_path: Path) -> None:
    text = gzip.decompress((await save(source, tmp_path / "export")).read_bytes())
    lines = text.splitlines(keepends=True)
    changed = tmp_path / "changed"
    for altered in (
        lines[:20] + lines[21:],
        [line.replace(b"Late", b"Soon") for line in lines],
        lines + lines[-1:],
        lines[1:],
        lines[:-1],
        [lines[0].replace(b'"format":1', b'"format":2'), *lines[1:]],
        [b"[]\n", *lines],
        [],
    ):
        changed.write_bytes(gzip.compress(b"".join(altered)))
        with pytest.raises(ArchiveDamaged):
            prove(changed)


Change = Callable[[AnyLine], AnyLine]


async def rewrite(path: Path, change: Change, new: Path) -> Path:
    """A file with a true hash and untrue lines."""
    with ArchiveWriter(new) as archive:
        for line in [*read_archive(path)][:-1]:
            archive.write(change(line))
        archive.finish()
    return new


async def test_a_forged_decision_breaks_the_old_chain(source: Log, tmp_path: Path) -> None:
    path = await save(source, tmp_path / "export")

    def forge(line: AnyLine) -> AnyLine:
        if isinstance(line, Decided):
            return replace(line, decision=line.decision.replace("Hello", "Goodbye"))
        return line

    with pytest.raises(ChainBroken):
        prove(await rewrite(path, forge, tmp_path / "forged"))


async def test_accounts_that_are_not_as_the_file_says_are_refused(
    source: Log, tmp_path: Path
) -> None:
    path = await save(source, tmp_path / "export")

    def forge(line: AnyLine) -> AnyLine:
        return replace(line, version=99) if isinstance(line, AccountTally) else line

    with pytest.raises(TransferBroken, match="account"):
        prove(await rewrite(path, forge, tmp_path / "forged"))


async def test_keys_travel_only_when_they_are_given(source: Log, tmp_path: Path) -> None:
    keys = Keys(secret="s" * 40, platform_token="p" * 40)
    assert prove(await save(source, tmp_path / "without")).keys is None
    assert prove(await save(source, tmp_path / "with", keys)).keys == keys


async def test_an_export_is_for_its_owner_alone_and_replaces_nothing(
    source: Log, tmp_path: Path
) -> None:
    path = await save(source, tmp_path / "export")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        ArchiveWriter(path)
