"""Markdown, as far as the reference needs it."""

import inspect
import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; `|` in cells is escaped and line breaks become blanks."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def code(text: object) -> str:
    """The text as code."""
    return f"`{text}`"


def docstring(thing: object) -> str:
    """The docstring of a class or function, as paragraphs."""
    return inspect.cleandoc(inspect.getdoc(thing) or "") + "\n"


def anchor(title: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-")


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
