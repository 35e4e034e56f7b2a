"""A part of edgecv in a process of its own: for a true peak memory, or where a library may abort.

A subprocess and not `multiprocessing`: that runs the caller's main module again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class ChildEndedError(Exception):
    """The process ended, or was ended for being late, before it answered."""


class Child:
    """A process that runs `python -m module` and answers one JSON line with another."""

    def __init__(self, module: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, message: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """What the process answers.

        Raises:
            ChildEndedError: it ended, or gave no answer in time and was stopped.
        """
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(timeout_s, stop)
        timer.start()
        try:
            line = self._exchange(json.dumps(message) + "\n")
        finally:
            timer.cancel()
            timer.join()
        if line.endswith("\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = self._process.wait()
        reason = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise ChildEndedError(f"no answer in {timeout_s:g} s" if late.is_set() else reason)

    def _exchange(self, text: str) -> str:
        streams = self._process.stdin, self._process.stdout
        if streams[0] is None or streams[1] is None:
            raise ValueError("the process has no pipes")
        try:
            streams[0].write(text)
            streams[0].flush()
        except BrokenPipeError:
            return ""
        return streams[1].readline()

    def close(self) -> None:
        """Let the process end; it is stopped when it does not within five seconds."""
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        except BrokenPipeError:
            self._process.wait()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(answer: Answer) -> None:
    """Answer each line of stdin on stdout, until stdin closes.

    What libraries print to stdout meanwhile goes to stderr, so that it cannot mix with answers.
    """
    # Ctrl-C reaches the whole group; this process ends when its parent closes stdin
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        for line in sys.stdin:
            replies.write(json.dumps(answer(json.loads(line))) + "\n")
            replies.flush()
