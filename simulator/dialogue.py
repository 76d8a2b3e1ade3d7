"""What people say: dialogue from the corpus that the package `chatterbot-corpus` ships."""

import random
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Any, NamedTuple

import yaml

from schemas.refusals import DeskstreamError
from schemas.values import MAX_TEXT

TOPICS_LEFT_OUT = frozenset({"emotion", "gossip", "humor", "politics", "psychology", "profanity"})
"""What nobody wants to read in a demonstration."""


class NoDialogue(DeskstreamError):
    """The corpus has nothing in this language; says which it has."""


class Script(NamedTuple):
    """A conversation: the visitor says the first line, an operator the second, and so on."""

    language: str
    lines: tuple[str, ...]


class Dialogue:
    """Conversations in some languages, drawn at random."""

    def __init__(self, languages: Sequence[str] = ("english",)) -> None:
        """Read the corpus; some tenths of a second a language. Raises NoDialogue."""
        self._scripts = [script for language in languages for script in _read(language)]
        self._replies: dict[str, list[str]] = {}
        for script in self._scripts:
            for said, reply in pairwise(script.lines):
                self._replies.setdefault(said, []).append(reply)

    def __len__(self) -> int:
        return len(self._scripts)

    def draw(self, chance: random.Random, lines: int) -> Script:
        """A conversation of at least `lines` lines, in one language, joined from several."""
        script = chance.choice(self._scripts)
        said = list(script.lines[: len(script.lines) // 2 * 2])
        while len(said) < lines:
            other = chance.choice(self._scripts)
            if other.language == script.language:
                said.extend(other.lines[: len(other.lines) // 2 * 2])
        return Script(script.language, tuple(said[:lines]))

    def reply(self, chance: random.Random, said: str) -> str:
        """What somebody says to that: as in the corpus, or anything for what it does not know."""
        replies = self._replies.get(said)
        return chance.choice(replies) if replies else chance.choice(self._scripts).lines[-1]


def languages() -> list[str]:
    """The languages of the corpus, by their English names."""
    return sorted(entry.name for entry in _corpus().iterdir() if entry.is_dir())


def _corpus() -> Traversable:
    return files("chatterbot_corpus").joinpath("data")


@cache
def _read(language: str) -> tuple[Script, ...]:
    folder = _corpus().joinpath(language)
    if not language.isalpha() or not folder.is_dir():
        raise NoDialogue(f"No dialogue in {language!r}; there is {', '.join(languages())}.")
    scripts = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        topic, _, ending = entry.name.rpartition(".")
        if ending in ("yml", "yaml") and topic.lower() not in TOPICS_LEFT_OUT:
            scripts += _parse(language, entry.read_text(encoding="utf-8"))
    if not scripts:
        raise NoDialogue(f"The corpus has no conversation in {language!r}.")
    return tuple(scripts)


def _parse(language: str, text: str) -> list[Script]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: Any = yaml.load(text, loader)
    found = []
    for conversation in document.get("conversations") or []:
        lines = tuple(_line(said) for said in conversation if _line(said))
        if len(lines) > 1:
            found.append(Script(language, lines))
    return found


def _line(said: object) -> str:
    """One line as a message may be; numbers and the like are written out."""
    return "" if said is None else str(said).replace("\x00", "").strip()[:MAX_TEXT]
