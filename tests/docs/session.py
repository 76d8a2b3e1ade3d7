"""A page's session: what its blocks say is typed, in order, and what comes of it is compared.

A page asks for it by a comment that its readers do not see: `<!-- Tested with a server. -->`
"""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.docs.pages import PAGES, Block

WITH = re.compile(r"^<!-- Tested with (?P<what>[a-z ]+)\. -->$", re.MULTILINE)

BIN = Path(sys.executable).parent
TIMEOUT = 60

_PROMPT = "$ "
_SHORTER = (re.compile(r"--duration \d+"), "--duration 1")
"""Readers have more time than tests."""


def what_it_needs(page: Path) -> str | None:
    """Beside what a page is tested; None if it says nothing of it."""
    match = WITH.search(page.read_text(encoding="utf-8"))
    return match["what"] if match else None


SESSIONS = {page: needs for page in PAGES if (needs := what_it_needs(page)) is not None}


def environment() -> dict[str, str]:
    """A reader's: the environment that `make run` built is on the path, and nothing is set."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("DESKSTREAM_")}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{kept['PATH']}", "COLUMNS": "100"}


class Session:
    """Types into a shell and a Python, in one directory."""

    def __init__(self, directory: Path, values: dict[str, str]) -> None:
        """`values`: what the page's own assignments of these names are replaced with."""
        self._directory = directory
        self._values = values
        self._environment = environment()
        self._namespace: dict[str, Any] = {"__name__": "__main__"}

    async def run(self, page: Path, block: Block) -> None:
        """Type one block, if it is something to type. Raises what goes wrong."""
        text = self._own(block.text)
        match block.language:
            case "python":
                await self._python(page, block._replace(text=text))
            case "sh":
                self._shell(text)
            case "console":
                self._compare(text)
            case _:
                pass

    def _own(self, text: str) -> str:
        for name, value in self._values.items():
            text = re.sub(rf"^{name} = .*$", f"{name} = {value!r}", text, flags=re.MULTILINE)
            text = re.sub(rf"^{name}=.*$", f"{name}='{value}'", text, flags=re.MULTILINE)
        return _SHORTER[0].sub(_SHORTER[1], text)

    async def _python(self, page: Path, block: Block) -> None:
        code = compile(
            "\n" * (block.line - 1) + block.text,
            str(page),
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        outcome = eval(code, self._namespace)
        if inspect.iscoroutine(outcome):
            await outcome

    def _shell(self, text: str) -> None:
        """What is assigned stays for the blocks that follow."""
        typed = "\n".join(line for line in text.splitlines() if not line.startswith("make "))
        after = self._directory / ".environment"
        done = self._bash(f"set -euo pipefail -o allexport\n{typed}\nenv -0 >{after.name}")
        assert done.returncode == 0, f"{typed}\n{done.stdout}"
        pairs = after.read_text(encoding="utf-8").split("\0")
        self._environment = dict(pair.split("=", 1) for pair in pairs if pair)

    def _compare(self, text: str) -> None:
        """Commands after `$ `, each with all that it prints; `...` stands for anything."""
        for part in text.split(f"\n{_PROMPT}"):
            command, _, said = part.removeprefix(_PROMPT).partition("\n")
            pattern = ".*".join(map(re.escape, _words(said).split("...")))
            printed = self._bash(command).stdout
            assert re.fullmatch(pattern, _words(printed), re.DOTALL), f"{command}\n{printed}"

    def _bash(self, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", text],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )


def _words(text: str) -> str:
    """A text without what depends on the width of the page."""
    return " ".join(text.split())
