"""A run of edgecv that ends when whoever started it lets go: `python -m edgecv.sweep.child ...`.

It holds on to stdin. When that closes, by will or because the other end was killed, the run is
stopped as by Ctrl-C, and what it has is kept for the next one.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path

CORES = "EDGECV_SWEEP_CORES"  # numbers of cores, e.g. 0,1; absent: all
GRACE_S = 20.0
WAIT_S = 60.0


def main() -> None:
    # a shell that starts something in the background makes it deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    words = sys.argv[1:]
    if hasattr(os, "sched_setaffinity") and os.environ.get(CORES):
        os.sched_setaffinity(0, {int(core) for core in os.environ[CORES].split(",")})
    if "--out" in words:
        _wait_for_former(Path(words[words.index("--out") + 1]))
    sys.argv = ["edgecv", *words]
    from edgecv.cli import main as edgecv

    edgecv()


def _end_with_stdin() -> None:
    # not through sys.stdin: its lock, held here, would crash the interpreter's end
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_S)
    os._exit(130)


def _wait_for_former(out: Path) -> None:
    """A run whose starter was killed may need a moment to end."""
    from edgecv.output import LOCK

    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and (out / LOCK).is_file():
        with (out / LOCK).open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.2)


if __name__ == "__main__":
    main()
