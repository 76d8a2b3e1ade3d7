"""The exclusive right of one process to a directory."""

import fcntl
import os
from pathlib import Path

from streams.log.errors import LogInUse


class DirectoryLock:
    """Holds the file `log.lock` with an advisory lock that ends with the process, even killed.

    Raises LogInUse, with the process id that the owner wrote there, and OSError.
    """

    def __init__(self, directory: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(directory / "log.lock", flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._descriptor, 32, 0).strip()
            os.close(self._descriptor)
            pid = int(owner) if owner.isdigit() else None
            raise LogInUse(str(directory), pid) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)
