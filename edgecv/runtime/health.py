"""Whether a run makes progress, asked through its metrics: the health check of a container.

python -m edgecv.runtime.health 127.0.0.1:9100
"""

from __future__ import annotations

import re
import sys
import time
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple

WAIT_S = 5.0
TIMEOUT_S = 5.0
_SAMPLE = re.compile(r"^edgecv_(frames_processed_total|stream_broken)\{.*\} (\S+)$", re.MULTILINE)


class Progress(NamedTuple):
    """What the metrics told.

    Attributes:
        processed: frames with a result, of all streams.
        lost: whether all streams are gone; the run tries to open them again.
    """

    processed: float
    lost: bool


def read_progress(text: str) -> Progress:
    """From the text that a run answers Prometheus."""
    samples = _SAMPLE.findall(text)
    broken = [float(value) for name, value in samples if name == "stream_broken"]
    processed = (float(value) for name, value in samples if name == "frames_processed_total")
    return Progress(sum(processed), bool(broken) and all(broken))


def what_is_wrong(address: str, wait_s: float = WAIT_S) -> str | None:
    """Why a run is not healthy; None: it is.

    A camera that is gone is no fault of the run, and a new start would not bring it back.

    Args:
        address: HOST:PORT that was given to --metrics.
        wait_s: seconds in which there has to be a new result.
    """
    try:
        before = read_progress(_ask(address))
        time.sleep(wait_s)
        after = read_progress(_ask(address))
    except (OSError, ValueError, HTTPException) as error:
        return f"no metrics at {address}: {error}. Run with --metrics {address}"
    if after.processed > before.processed or after.lost:
        return None
    return f"no new result in {wait_s:g} s, after {after.processed:.0f}"


def _ask(address: str) -> str:
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(what_is_wrong(*sys.argv[1:2] or ("127.0.0.1:9100",)))
