"""A text file that is written line by line, and what is said when it cannot be."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from edgecv.errors import EdgecvError


class TextFile:
    """Text whose every write is on its way to the disk when it returns.

    Args:
        path: the file, or `-` for stdout, which is left open.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = sys.stdout if str(path) == "-" else path.open("w", encoding="utf-8")

    def write(self, text: str) -> None:
        """Add text.

        Raises:
            EdgecvError: it cannot be written; what was written before is there.
        """
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise EdgecvError(self._told(error)) from error

    def close(self) -> None:
        """Raises EdgecvError as `write` does; twice does no harm."""
        if self._file is sys.stdout:
            return
        try:
            self._file.close()
        except OSError as error:
            raise EdgecvError(self._told(error)) from error

    def _told(self, error: OSError) -> str:
        if error.errno == errno.EPIPE:
            # without this Python complains again when it flushes at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
            return "stdout: nobody reads the results any more"
        return (
            f"{self._path}: cannot be written ({error.strerror}). What is in it is whole up to "
            "the last line; make room or name another disk"
        )
