"""The summary of `edgecv run`: eighty columns, or JSON."""

from __future__ import annotations

import time
from typing import Any, TextIO

import psutil
from rich.console import Console

from edgecv.bundle import Bundle, Variant
from edgecv.cli._run_tables import (
    WIDTH,
    counts_table,
    stages_table,
    streams_table,
    switches_table,
)
from edgecv.cli._run_watching import Watching
from edgecv.runtime.clock import now
from edgecv.runtime.governing import Governing
from edgecv.runtime.loop import LoopSettings
from edgecv.runtime.running import Outbox
from edgecv.runtime.stats import SHOWN_MIN, Stats
from edgecv.runtime.summary import bounds

# what the trackers start tracks with at most, and less that is still above most false boxes
START_MAX, WEAK_START = 0.7, 0.4


def summary(
    bundle: Bundle,
    variant: Variant,
    settings: LoopSettings,
    stats: Stats,
    alone: dict[str, float] | None,
    power: dict[str, Any],
    live: bool,
) -> dict[str, Any]:
    """All that is known of a run, ready for JSON; docs/run.md says what each means."""
    told = stats.to_json()
    problems = [one["problem"] for one in told["streams"].values() if one["problem"]]
    for name, one in told["streams"].items():
        if not (one["frames_in"] or one["away"] or one["problem"]):
            # it may still be asked for its first frame, which can take seconds
            one["away"] = f"{name}: gave nothing until the run ended"
    began_s = now() - (time.time() - psutil.Process().create_time())
    return {
        "bundle": str(bundle.folder),
        "variant": variant.name,
        "tracker": settings.tracker,
        "conf": settings.start_min,
        **told,
        **bounds(stats, alone, live),
        "first_result_s": None if stats.first_s is None else round(stats.first_s - began_s, 2),
        **power,
        "problems": [*problems, *told["problems"]],
    }


def add_watched(
    told: dict[str, Any],
    watching: Watching,
    broker: Outbox | None,
    governing: Governing | None = None,
) -> None:
    """Add what was counted, scored, sent and held."""
    for name, stream in told["streams"].items():
        stream.update(watching.to_json(name))
    if broker is not None:
        told["mqtt"] = broker.to_json()
    if governing is not None:
        told["governor"] = governing.to_json()


def print_summary(told: dict[str, Any], file: TextIO) -> None:
    """Streams, stages, then what bounds the speed."""
    tables = [streams_table(told)]
    if told["processed"]:
        tables.append(stages_table(told))
    if any(one.get("counts") for one in told["streams"].values()):
        tables.append(counts_table(told))
    if told.get("governor", {}).get("switches"):
        tables.append(switches_table(told["governor"]))
    width = max(WIDTH, *(table.min_width or 0 for table in tables))
    console = Console(file=file, width=width, highlight=False, markup=False)
    for table in tables:
        console.print(table)
    for line in _lines(told):
        console.print(line, soft_wrap=True)


def _watched(name: str, row: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """Lines on a stream: why it gave no frame; its tracks' score, or why there are none."""
    if not row["frames_in"]:
        return [f"no frame came: {row['problem'] or row['away']}"]
    score, lines = row.get("score"), []
    if score is not None and score["classes"]:
        kinds = ("HOTA", "MOTA", "IDF1")
        figures = ", ".join(f"{kind} {score[kind]:.1f}" for kind in kinds)
        lines.append(f"{name}: {figures} against its own truth, {score['frames']} frames")
    elif score is not None:
        lines.append(f"{name}: not scored; this network has none of the classes of its truth")
    return lines + ([] if told["tracker"] is None else _untracked(name, row, told["conf"]))


def _untracked(name: str, row: dict[str, Any], conf: float | None) -> list[str]:
    """What would start more tracks, where that is less than what was asked for."""
    best = row["best_score"]
    weaker = round(max(0.1, best - 0.1), 1)
    start = START_MAX if conf is None else conf
    if not row["tracks"]:
        told = f"no tracks, but boxes of scores up to {best:.2f}; weaker ones start tracks"
        helps = best >= SHOWN_MIN and weaker < start
        return [f"{name}: {told} with --conf {weaker}"] if helps else []
    if row["tracked"] < row["boxes"] / 2 and start > WEAK_START:
        return [
            f"{name}: {row['tracked']} of {row['boxes']} boxes from {SHOWN_MIN} on are in tracks; "
            f"--conf {WEAK_START} starts more"
        ]
    return []


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [line for name, row in told["streams"].items() for line in _watched(name, row, told)]
    if told["dropped"]:
        causes = (
            f"{count} {_CAUSES.get(cause, cause)}" for cause, count in told["dropped"].items()
        )
        lines.append(f"dropped: {', '.join(causes)}")
    if "governor" in told:
        lines.append(_held(told))
    if told["of_engine"] is not None:
        # a short run may end faster than what was counted in it allows for long
        most = f"; this CPU allows {told['ceiling']:.2f}"
        lines.append(
            f"{told['end_to_end_fps']:.1f} frames a second, {told['of_engine']:.2f} of the engine "
            f"alone ({told['engine_only_fps']:.1f})"
            + (most if told["ceiling"] >= told["of_engine"] else "")
        )
    if told["bound_by"] is not None:
        lines.append(f"bound by {told['bound_by']}")
    memory = told["memory_mb"]
    first = told["first_result_s"]
    facts = [] if first is None else [f"first result after {first:.1f} s"]
    facts.append(f"memory {memory['now']:.0f} MB, peak {memory['peak']:.0f} MB")
    facts += _device(told)
    if "mqtt" in told:
        sent = told["mqtt"]
        lines.append(
            f"MQTT: {sent['sent']} messages sent, {sent['waiting'] + sent['dropped']} lost"
        )
    if told["throttled_by"]:
        held = ", ".join(told["throttled_by"])
        lines.append(f"held back for {told['throttled_s']:.0f} s by {held}")
    return [*lines, "; ".join(facts)]


def _held(told: dict[str, Any]) -> str:
    """For how long which engine and stride, and how many frames were predicted."""
    spent = ", ".join(
        f"{one['variant']} on one frame of {one['stride']} for {one['seconds']:.0f} s"
        for one in told["governor"]["seconds"]
    )
    return f"held by {spent or 'nothing'}; {told['predicted']} frames predicted"


def _device(told: dict[str, Any]) -> list[str]:
    facts = []
    if told["power_w"] is not None:
        facts.append(f"{told['power_w']:.1f} W")
    if told["mj_per_frame"] is not None:
        facts.append(f"{told['mj_per_frame']:.0f} mJ a frame")
    if told["temperature_c"] is not None:
        facts.append(f"{told['temperature_c']:.0f} C at most")
    return facts


# cause in the JSON -> in words
_CAUSES = {
    "newer": "for a newer one",
    "late": "over the budget",
    "full": "since too many waited",
    "every": "by --every",
    "stopped": "at the end",
}
