"""What a run tells at its end: how fast it was, and what bounded it."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np

from edgecv.engines import Engine
from edgecv.machine import available_cores
from edgecv.runtime.clock import now
from edgecv.runtime.stats import Stats, rounded

# how long the engine is timed alone, and with how many pictures at least
ALONE_S, ALONE_MIN = 1.0, 5
BUSY = 0.9  # a core or a stage that has so little time left is what bounds
KEPT = 0.95  # of a camera's frames: with so many processed it is the camera that bounds


def engine_alone(engine: Engine, requests: int, seconds: float = ALONE_S) -> dict[str, float]:
    """Time the engine with nothing beside it, as many calls in flight as the loop had.

    Returns:
        {"fps": pictures a second, "cpu_ms": CPU time of the whole process a picture}.
    """
    size = engine.spec.input
    noise = np.random.default_rng(0).integers(0, 256, (1, size.height, size.width, 3), np.uint8)
    flying = deque(engine.submit(noise) for _ in range(requests + 1))
    for _ in range(requests):  # the first begin together
        flying.popleft().result()
        flying.append(engine.submit(noise))
    begun, cpu, calls = now(), time.process_time(), 0
    while calls < ALONE_MIN or now() - begun < seconds:
        flying.popleft().result()
        flying.append(engine.submit(noise))
        calls += 1
    took, cpu = now() - begun, time.process_time() - cpu
    for future in flying:
        future.result()
    return {"fps": round(calls / took, 3), "cpu_ms": round(1e3 * cpu / calls, 3)}


def bounds(stats: Stats, alone: dict[str, float] | None, live: bool) -> dict[str, Any]:
    """How near the run came to what the machine allows.

    Args:
        stats: of the run.
        alone: of `engine_alone`; None where it was not measured.
        live: whether the sources set the pace.

    Returns:
        {"engine_only_fps", "of_engine": detected frames a second / engine-only fps, "ceiling": the
        most that this ratio can be on this CPU, E / (E + D + P) with the CPU time a detected frame
        of the engine, of decoding and of the other stages, "cpu_busy": share of all cores that was
        used, "machine_busy": with other programs, "bound_by"}; None for what is not known.
    """
    # a frame that was only tracked cost the engine nothing
    frames = max(1, stats.processed - stats.predicted)
    fps = None if stats.fps is None else stats.fps * frames / stats.processed
    # frames that were decoded and then dropped or predicted cost as well
    others = sum(times.cpu.total_ms for times in stats.stages.values()) / frames
    ceiling = alone["cpu_ms"] / (alone["cpu_ms"] + others) if alone else None
    ratio = fps / alone["fps"] if fps and alone else None
    busy = stats.cpu_s / stats.seconds / available_cores() if stats.seconds > 0 else None
    return {
        "engine_only_fps": alone["fps"] if alone else None,
        "of_engine": rounded(ratio),
        "ceiling": rounded(ceiling),
        "cpu_busy": rounded(busy),
        "machine_busy": rounded(stats.machine.busy),
        "bound_by": None if busy is None else _bound_by(stats, ratio, busy, live),
    }


def _bound_by(stats: Stats, ratio: float | None, busy: float, live: bool) -> str:
    if live and _kept(stats) >= KEPT:
        return "the sources: nearly every frame was processed"
    if ratio is not None and ratio >= BUSY:
        return "the engine"
    share = {name: times.cpu.total_ms / 1e3 / stats.seconds for name, times in stats.stages.items()}
    stage = max(share, key=lambda name: share[name])
    # with a thread a stream several can decode
    if share[stage] >= BUSY * (len(stats.streams) if stage == "decode" else 1):
        return f"the stage {stage}: its thread is busy all the time"
    if busy >= BUSY:
        return "the CPU, which the engine shares with the other stages"
    machine = stats.machine.busy
    if machine is not None and machine >= BUSY:
        return f"the CPU, of which other programs take {100 * (machine - busy):.0f} %"
    return "no part: neither the engine nor the CPU was busy all the time"


def _kept(stats: Stats) -> float:
    """Share of the frames that was processed, of those that had not been left out on purpose."""
    given = sum(one.frames_in - one.dropped["every"] for one in stats.streams.values())
    return stats.processed / max(1, given)
