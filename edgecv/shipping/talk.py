"""What is said with a script that runs on a device: a line there, lines back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from edgecv.errors import EdgecvError

MARK = "deploy: "


class Talk:
    """A script that runs there and is asked while it runs.

    Its lines are `deploy: KEY VALUE`, up to `deploy: end`; `deploy: fault TEXT` is an error.

    Args:
        destination: where.
        process: the ssh that it runs behind.
        reason: of the script's end, by the status of that; raises where ssh itself failed.
    """

    def __init__(
        self, destination: str, process: subprocess.Popen[bytes], reason: Callable[[int], str]
    ) -> None:
        self._destination, self._process, self._reason = destination, process, reason

    def tell(self, line: str) -> None:
        """Send it a line; one that nobody reads any more shows in the answer."""
        stdin = self._process.stdin
        try:
            if stdin is not None:
                stdin.write(f"{line}\n".encode())
                stdin.flush()
        except BrokenPipeError:
            return

    def answer(self, then: str) -> dict[str, str]:
        """What it says up to its end; a shell may print lines of its own before.

        Args:
            then: what to do where it says nothing more.

        Raises:
            EdgecvError: a fault, or it has ended.
        """
        found: dict[str, str] = {}
        while "end" not in found:
            line = self._line(then)
            if line.startswith(MARK):
                key, _, value = line.removeprefix(MARK).partition(" ")
                found[key] = value
            if "fault" in found:
                raise EdgecvError(f"{self._destination}: {found['fault']}")
        return found

    def _line(self, then: str) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        if line.endswith(b"\n"):
            return line.decode("utf-8", "surrogateescape").rstrip("\n")
        try:
            reason = self._reason(self._process.wait())
        except EdgecvError as error:
            error.args = (f"{error}. {then}",)
            raise
        raise EdgecvError(f"{self._destination}: the deployment ended there: {reason}. {then}")
