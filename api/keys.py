"""Keys that an installation makes for itself at its first start and keeps beside its log."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr


def key_of(given: SecretStr | None, path: Path) -> str:
    """The key that was set, or else the file's, which is made (mode 600) when there is none."""
    if given is not None:
        return given.get_secret_value()
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _make(path)


def _make(path: Path) -> str:
    key = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
