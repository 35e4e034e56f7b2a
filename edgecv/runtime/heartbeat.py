"""Telling systemd that a run is ready, that it makes progress, and that it ends.

Source: sd_notify(3): datagrams of lines KEY=VALUE to the socket that $NOTIFY_SOCKET names; with
$WATCHDOG_USEC the service is started again when WATCHDOG=1 stays away for so long.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from edgecv.runtime.clock import now
from edgecv.runtime.stats import Stats

# of the time after which systemd gives up: half, as it recommends, and once more for lost ones
SHARE = 0.25
# how often the line of `systemctl status` changes where there is no watchdog
STATUS_S = 10.0


class Heartbeat:
    """A run's word to systemd; without systemd it says nothing.

    Args:
        environment: of the process.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # @ stands for the zero byte of an address that is no file
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        self._every_s = SHARE * int(watchdog_us) / 1e6 if watchdog_us.isdigit() else STATUS_S
        self._ready = self._stopping = False
        self._processed, self._told_s = 0, now()

    def beat(self, stats: Stats) -> None:
        """To be called several times a second; says WATCHDOG=1 while there are new results.

        A stream that is broken or ended gives none, and a new start would not help it: where all
        are, the run is not stuck, and it is ready although it waits for them.
        """
        processed, streams = stats.processed, stats.streams.values()
        gone = all(one.broken or one.ended for one in streams)
        if not self._ready:
            if not processed and not gone:
                return
            self._ready = self._say("READY=1", _status(stats))
        if now() - self._told_s < self._every_s:
            return
        if processed > self._processed or gone:
            if self._say("WATCHDOG=1", _status(stats)):
                self._processed, self._told_s = processed, now()

    def stop(self) -> None:
        """The run has been asked to end, and finishes what it has begun."""
        if not self._stopping:
            self._stopping = True
            self._say("STOPPING=1")

    def _say(self, *lines: str) -> bool:
        """Whether it went out, or nobody is there to be told; else it has to be said again."""
        if not self._address:
            return True
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            # the loop never waits for systemd; one that does not listen starts the service again
            sender.setblocking(False)
            try:
                sender.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return False
        return True


def _status(stats: Stats) -> str:
    """The line of `systemctl status`."""
    lost = [name for name, one in stats.streams.items() if one.broken and not one.ended]
    waiting = f"; waiting for {', '.join(lost)}" if lost else ""
    return f"STATUS={stats.processed} frames{waiting}"
