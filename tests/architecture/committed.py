"""The files that are committed, or will be with the next commit."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def committed_texts() -> dict[str, str]:
    """Path below the root to contents, of every text file that git knows or would take up."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    texts = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            texts[name] = content.decode("utf-8")
    return texts
