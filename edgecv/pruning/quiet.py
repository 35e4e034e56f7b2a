"""Times decide what is cut, so none are taken while other programs use the machine."""

from __future__ import annotations

import time

from edgecv.errors import EdgecvError
from edgecv.machine import available_cores
from edgecv.progress import say
from edgecv.runtime.gauges import MachineLoad

# share of all cores that others may use: with more, small layers take no less time than large ones
# (beside two trainings a cut to half the time left 3 % of the parameters)
OTHERS_MAX = 0.15
LOOK_S, PATIENCE_S = 2.0, 300.0


def wait_until_quiet() -> None:
    """Return when other programs use little of the machine.

    Raises:
        EdgecvError: they did not end.
    """
    until = time.monotonic() + PATIENCE_S
    told = False
    while (others := _others()) > OTHERS_MAX:
        share = f"other programs use {others:.0%} of the cores"
        if time.monotonic() > until:
            raise EdgecvError(
                f"prune.latency: {share}, expected at most {OTHERS_MAX:.0%}: times taken now would "
                "cut the wrong layers. Stop them and run the same command again, which goes on "
                "from here; or prune to MACs, which needs no times: "
                "--set prune.latency=null --set prune.macs=0.5"
            )
        if not told:
            say(f"prune.latency: {share}; waiting until times can be taken")
        told = True


def _others() -> float:
    """Share of all cores that other processes use for a moment, in [0, 1]."""
    load, own = MachineLoad(), time.process_time()
    load.look()
    time.sleep(LOOK_S)
    load.look()
    used = (time.process_time() - own) / LOOK_S / available_cores()
    return max(0.0, (load.busy or 0.0) - used)
