"""Runs of variants as processes of this machine, each on its own share of the cores."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from edgecv.sweep.child import CORES, GRACE_S

# in place of an exit status: the machine that it ran on was lost, again and again
LOST = -1000


class Job(NamedTuple):
    """A run of edgecv.

    Attributes:
        name: by which it is known.
        words: its command line, without "edgecv".
        log: file that its output is added to.
    """

    name: str
    words: Sequence[str]
    log: Path


class Pool(Protocol):
    """Where jobs run.

    Attributes:
        slots: jobs at once.
    """

    slots: int

    def start(self, job: Job) -> None:
        """Run a job; there is a slot for it."""

    def ended(self) -> dict[str, int]:
        """Exit status by name of the jobs that ended since the last call."""
        ...

    def stop(self, name: str) -> None:
        """Let a job end soon, resumably; it is among the next that ended."""

    def close(self) -> None:
        """Stop what still runs, and wait for it."""


class Processes:
    """A pool of processes."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        cores = _cores()
        share = max(1, len(cores) // slots)
        # with more slots than cores some share one
        self._free = [
            [cores[(slot * share + index) % len(cores)] for index in range(share)]
            for slot in reversed(range(slots))
        ]
        self._running: dict[str, tuple[subprocess.Popen[bytes], list[int]]] = {}

    def start(self, job: Job) -> None:
        cores = self._free.pop()
        environment = {CORES: ",".join(map(str, cores)), "OMP_NUM_THREADS": str(len(cores))}
        self._running[job.name] = (launch(job, environment), cores)

    def ended(self) -> dict[str, int]:
        found = {}
        for name, (process, cores) in list(self._running.items()):
            status = process.poll()
            if status is not None:
                found[name] = status
                let_go(process)
                self._free.append(cores)
                del self._running[name]
        return found

    def stop(self, name: str) -> None:
        let_go(self._running[name][0])

    def close(self) -> None:
        processes = [process for process, _ in self._running.values()]
        for process in processes:
            let_go(process)
        for process in processes:
            wait(process)
        self._running.clear()


def launch(job: Job, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a job in a process that ends with this one, or when it is let go."""
    path = os.pathsep.join(part or "." for part in sys.path)
    with job.log.open("ab") as log:
        log.write(f"$ {shlex.join(['edgecv', *job.words])}\n".encode())
        log.flush()
        return subprocess.Popen(
            [sys.executable, "-m", "edgecv.sweep.child", *job.words],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            # what the user has set of it holds
            env={**environment, **os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the sweep, which then stops them
        )


def let_go(process: subprocess.Popen[bytes]) -> None:
    """Close what a job holds on to."""
    stdin: IO[bytes] | None = process.stdin
    if stdin is not None and not stdin.closed:
        stdin.close()


def wait(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a job that was let go; one that does not end is killed."""
    try:
        return process.wait(GRACE_S + 10)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
