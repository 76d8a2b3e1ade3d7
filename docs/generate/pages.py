"""The pages of the reference: what each is called, and what it says."""

from pathlib import Path

from docs.generate import (
    asyncapi,
    command_line,
    http,
    limits,
    records,
    refusals,
    settings,
    topics,
)

REFERENCE = Path(__file__).parents[1] / "reference"

_NOTE = "<!-- Written by `make docs` from the code. Changes made here are lost. -->\n\n"


def render() -> dict[str, str]:
    """Every file of the reference: its name to its text."""
    pages = {
        "actions.md": records.actions(),
        "command-line.md": command_line.page(),
        "events.md": records.events(),
        "http.md": http.page(),
        "limits.md": limits.page(),
        "live.md": records.frames(),
        "records.md": records.others(),
        "refusals.md": refusals.page(),
        "settings.md": settings.page(),
        "topics.md": topics.page(),
    }
    noted = {name: _NOTE + text.rstrip() + "\n" for name, text in pages.items()}
    return {**noted, "asyncapi.json": asyncapi.text()}


def write(directory: Path) -> list[str]:
    """Write the files that have changed. Returns the names of those."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in render().items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed
