"""The page about the command line, as Typer itself writes it."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def page() -> str:
    """Every command, with its arguments and options."""
    written = subprocess.run(
        [sys.executable, "-m", "typer", "api.cli", "utils", "docs", "--name", "deskstream"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return written.stdout.replace("# `deskstream`\n", "# The command line: `deskstream`\n", 1)
