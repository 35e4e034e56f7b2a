"""The governor at work: looks at a run every second, changes stride and engine, and keeps a log."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from concurrent.futures import Future
from typing import Any

from edgecv.errors import EdgecvError
from edgecv.progress import say
from edgecv.runtime.clock import now
from edgecv.runtime.governor import Gear, Governor, Switch, Target, gears_of
from edgecv.runtime.pace import Pace
from edgecv.runtime.stats import Stats
from edgecv.runtime.switched import SwitchedEngine
from edgecv.runtime.turns import Turns

PERIOD_S = 1.0
# switches that are kept for the summary: a run may take months
KEPT = 100


class Governing:
    """Holds a target, by the engine and the stride.

    Args:
        target: what to hold.
        gears: from most work to least; the first is what runs now.
        engine: that may be switched.
        turns: whose stride is set.
        stats: of the run.
        requests: engine calls that run at once.

    Attributes:
        gear: what runs now.
        switches: how often it was changed.
    """

    def __init__(
        self,
        target: Target,
        gears: tuple[Gear, ...],
        engine: SwitchedEngine,
        turns: Turns,
        stats: Stats,
        requests: int,
    ) -> None:
        self._target, self._engine, self._turns, self._stats = target, engine, turns, stats
        self._governor = Governor(target, gears)
        self._pace = Pace(stats, requests, target.fps or math.inf)
        self._opening: tuple[Switch, Future[None]] | None = None
        self._began_s = self._looked_s = now()
        self._seconds: defaultdict[Gear, float] = defaultdict(float)
        self._log: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.gear, self.switches = gears[0], 0

    def look(self) -> None:
        """To be called several times a second; acts once a second, after the first result."""
        if self._opening is not None and self._opening[1].done():
            self._end_of_opening(*self._opening)
        if now() - self._looked_s < PERIOD_S:
            return
        self._looked_s = now()
        lately, seconds = self._pace.look()
        self._seconds[self.gear] += seconds
        if self._opening is not None or not self._stats.processed:
            return
        switch = self._governor.decide(lately, seconds)
        if switch is None:
            return
        if switch.before.variant == switch.after.variant:
            self._done(switch)
        else:
            say(f"governor: opening {switch.after.variant}: {switch.reason}")
            self._opening = switch, self._engine.switch(switch.after.variant)

    def _end_of_opening(self, switch: Switch, opened: Future[None]) -> None:
        self._opening = None
        error = opened.exception()
        if error is None:
            self._done(switch)
        elif isinstance(error, EdgecvError):
            say(f"governor: {error}; {switch.before.variant} runs on, and may leave out frames")
            # never tried again: what remains is the stride
            self._governor = Governor(self._target, gears_of({self.gear.variant: 1.0}))
        else:
            raise error

    def _done(self, switch: Switch) -> None:
        self.gear, self._turns.stride = switch.after, switch.after.stride
        self.switches += 1
        told = {
            "time_s": round(now() - self._began_s, 1),
            "from": _told(switch.before),
            "to": _told(switch.after),
            "reason": switch.reason,
        }
        self._log.append(told)
        say(f"governor: {switch.after}, before {switch.before}: {switch.reason}")

    def finish(self) -> None:
        """Wait for a switch that has begun; the run is over."""
        if self._opening is not None:
            self._opening[1].exception()
            self._end_of_opening(*self._opening)

    def to_json(self) -> dict[str, Any]:
        """What was asked, what was done for it, and for how long.

        Returns:
            {"fps", "p99_ms", "variant", "stride", "switched": how often, "switches": the last
            100, each {"time_s", "from": {"variant", "stride"}, "to", "reason"}, "seconds": [
            {"variant", "stride", "seconds"}]}
        """
        spent = [{**_told(gear), "seconds": round(s, 1)} for gear, s in self._seconds.items()]
        return {
            "fps": self._target.fps,
            "p99_ms": self._target.p99_ms,
            **_told(self.gear),
            "switched": self.switches,
            "switches": list(self._log),
            "seconds": spent,
        }


def _told(gear: Gear) -> dict[str, Any]:
    return {"variant": gear.variant, "stride": gear.stride}
