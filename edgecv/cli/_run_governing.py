"""What `edgecv run --fps --p99` holds, and with which engines of the bundle."""

from __future__ import annotations

import re
from typing import Any

import click

from edgecv.bundle import Bundle, Variant
from edgecv.cli._run_engine import runs_here
from edgecv.errors import UsageError
from edgecv.metrics.speeds import speeds_here
from edgecv.runtime.governing import Governing
from edgecv.runtime.governor import Gear, Target, gears_of
from edgecv.runtime.stats import Stats
from edgecv.runtime.switched import SwitchedEngine
from edgecv.runtime.turns import Turns

# of the own speed: an engine that is not so much quicker is not worth a change
QUICKER = 1.1


class Milliseconds(click.ParamType[float]):
    """A time with its unit: 40ms, 0.04s."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", str(value))
        if match is None or float(match[1]) == 0:
            self.fail(f"'{value}': expected a time such as 40ms or 0.04s", param, context)
        return float(match[1]) * (1e3 if match[2] == "s" else 1)


def target_of(fps: float | None, p99_ms: float | None, tracker: str | None) -> Target | None:
    """What was asked for; None: nothing.

    Raises:
        UsageError: there is no tracker that could fill in.
    """
    if fps is None and p99_ms is None:
        return None
    if tracker is None:
        asked = "--fps" if fps is not None else "--p99"
        raise UsageError(f"{asked} leaves frames to the tracker to fill in; drop --tracker none")
    return Target(fps, p99_ms)


def governing_of(
    target: Target | None,
    bundle: Bundle,
    variant: Variant,
    engine: SwitchedEngine,
    turns: Turns,
    stats: Stats,
    requests: int,
) -> Governing | None:
    """What holds the target; None without one. Arguments as those of `Governing`."""
    if target is None:
        return None
    return Governing(target, gears_here(bundle, variant), engine, turns, stats, requests)


def gears_here(bundle: Bundle, variant: Variant) -> tuple[Gear, ...]:
    """The variant, then the quickest of the bundle where it is another, then larger strides.

    Which is quicker is what `edgecv compress` or `edgecv bench` measured on this machine.
    """
    fps = speeds_here(bundle)
    own = fps.get(variant.name)
    names = [one.name for one in bundle.manifest.variants if one.name in fps and runs_here(one)]
    best = max(names, key=lambda name: fps[name], default=None)
    if own is None or best is None or fps[best] < QUICKER * own:
        return gears_of({variant.name: 1.0})
    return gears_of({variant.name: 1 / own, best: 1 / fps[best]})
