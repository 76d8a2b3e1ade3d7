"""The pages that people read, and the blocks of code in them."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if ROOT / "docs" / "reference" not in path.parents
)

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>.*)$")


class Block(NamedTuple):
    """A fenced block: its language, its text and the line (from 1) where the text starts."""

    language: str
    text: str
    line: int


def name(page: Path) -> str:
    """How a page is called: its path from the root."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page. Raises ValueError if one is left open."""
    found: list[Block] = []
    opened: tuple[str, str, int] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        match = _FENCE.match(line)
        if opened is None:
            if match:
                opened = (match["fence"], match["info"].strip(), number + 1)
                inside = []
        elif match and match["fence"] == opened[0] and not match["info"].strip():
            found.append(Block(opened[1], "\n".join(inside) + "\n", opened[2]))
            opened = None
        else:
            inside.append(line)
    if opened is not None:
        raise ValueError(f"{name(page)}:{opened[2]}: the block is never closed")
    return found
