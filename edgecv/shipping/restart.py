"""The service on a device that runs what is live there."""

from __future__ import annotations

import time

from edgecv.errors import EdgecvError
from edgecv.shipping.place import Place
from edgecv.shipping.remote import words

# how long a service must stay up after it said that it is ready
SETTLE_S = 5.0


def has_service(place: Place, name: str) -> bool:
    """Whether a service there runs what `current` leads to."""
    unit = place.remote.run(f"systemctl cat {words(f'{name}.service')}").out
    return any(f"{path}/current" in unit for path in (place.path, place.asked))


def restart(place: Place, name: str) -> None:
    """Start a service again, and see that it comes up and stays up.

    A unit of `edgecv service install` says that it is ready with its first result, so that this
    waits for one.

    Raises:
        EdgecvError: it does not.
    """
    unit = words(f"{name}.service")
    done = place.remote.run(
        f"if [ $(id -u) = 0 ]; then systemctl restart {unit}; "
        f"else sudo -n systemctl restart {unit}; fi"
    )
    if done.status:
        raise place.fail(f"service {name} does not come up", done)
    first = _state(place, unit)
    time.sleep(SETTLE_S)
    state = _state(place, unit)
    # the count goes on from what ran before, where that was failing
    if state != first or "ActiveState=active" not in state:
        told = " ".join(sorted(state)) or "systemctl does not know it"
        raise EdgecvError(
            f"{place.remote.destination}: service {name} does not stay up ({told}). "
            f"See there: journalctl -u {name}"
        )


def _state(place: Place, unit: str) -> set[str]:
    shown = place.remote.run(f"systemctl show {unit} --property=ActiveState,NRestarts")
    return set(shown.out.split())
