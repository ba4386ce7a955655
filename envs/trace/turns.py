"""Turns between processes: what one is compiling, the others wait for instead of doing it too.

Test workers and worlds in processes of their own start at once, and all want the same kernels.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows: there each process compiles for itself
    fcntl = None  # type: ignore[assignment]  # a module elsewhere; `wait` asks which

_LOOK_AGAIN_S = 0.05


class Turn:
    """The right to do something, had by one process at a time; a process that ends gives it back.

    Args:
        path: A file that stands for it; made when it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def wait(self) -> None:
        """Returns when it is this process's turn, at once where files can't be locked."""
        if self._file is not None or fcntl is None:
            return
        try:
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            return  # a folder that can't be written: nothing is shared
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(_LOOK_AGAIN_S)
            except OSError:
                return  # a file system without locks: work is done twice, never wrongly

    def end(self) -> None:
        """Lets the next one go on."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            # By name, since a child that was forked meanwhile holds the same open file.
            fcntl.flock(file, fcntl.LOCK_UN)
        except OSError:
            pass
        finally:
            os.close(file)
