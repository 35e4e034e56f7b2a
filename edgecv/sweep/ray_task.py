"""What a Ray worker does: check that it can take part, and run a job as a process of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path

from edgecv import __version__
from edgecv.sweep.processes import Job, launch, let_go, wait

POLL_S = 0.3
SEEN_S = 10.0  # until a file shows on another machine, by a network's file system


def check(token: str, version: str) -> str | None:
    """Why this node cannot take part; None when it can.

    Args:
        token: a file that the sweep has just written into its folder.
        version: of the sweep's edgecv.
    """
    where = os.uname().nodename
    if version != __version__:
        return f"node {where} has edgecv {__version__}, this machine {version}. Install the same"
    end = time.monotonic() + SEEN_S
    while not Path(token).is_file():
        if time.monotonic() > end:
            return (
                f"node {where} does not see {Path(token).parent}: the folder of --out, and those "
                "of --data and --weights, must be shared by all nodes under the same path"
            )
        time.sleep(0.2)
    return None


def run(name: str, words: list[str], log: str, threads: int) -> int:
    """The exit status of a job; it ends with this worker, and when the task is cancelled."""
    process = launch(Job(name, words, Path(log)), {"OMP_NUM_THREADS": str(threads)})
    try:
        # not wait(): a cancelled task is told between two lines of Python
        while (status := process.poll()) is None:
            time.sleep(POLL_S)
        return status
    finally:
        let_go(process)
        wait(process)
