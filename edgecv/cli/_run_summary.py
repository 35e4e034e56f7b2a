"""The summary of `edgecv run`: eighty columns, or JSON."""

from __future__ import annotations

import time
from typing import Any, TextIO

import psutil
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.bundle import Bundle, Variant
from edgecv.cli._run_parts import SHOWN_MIN
from edgecv.cli._run_watching import Watching
from edgecv.runtime.clock import now
from edgecv.runtime.loop import LoopSettings
from edgecv.runtime.running import Outbox
from edgecv.runtime.stats import Stats
from edgecv.runtime.summary import bounds


def summary(
    bundle: Bundle,
    variant: Variant,
    settings: LoopSettings,
    stats: Stats,
    alone: dict[str, float] | None,
    power: dict[str, float | None],
    live: bool,
) -> dict[str, Any]:
    """All that is known of a run, ready for JSON; docs/run.md says what each means."""
    told = stats.to_json()
    problems = [one["problem"] for one in told["streams"].values() if one["problem"]]
    began_s = now() - (time.time() - psutil.Process().create_time())
    return {
        "bundle": str(bundle.folder),
        "variant": variant.name,
        "tracker": settings.tracker,
        **told,
        **bounds(stats, alone, live),
        "first_result_s": None if stats.first_s is None else round(stats.first_s - began_s, 2),
        **power,
        "problems": [*problems, *told["problems"]],
    }


def add_watched(told: dict[str, Any], watching: Watching, broker: Outbox | None) -> None:
    """Add what was counted, scored and sent."""
    for name, stream in told["streams"].items():
        stream.update(watching.to_json(name))
    if broker is not None:
        told["mqtt"] = broker.to_json()


def print_summary(told: dict[str, Any], file: TextIO) -> None:
    """Streams, stages, then what bounds the speed."""
    console = Console(file=file, width=80, highlight=False, markup=False)
    console.print(_streams(told))
    console.print(_stages(told))
    if any(one.get("counts") for one in told["streams"].values()):
        console.print(_counts(told))
    for line in _lines(told):
        console.print(line, soft_wrap=True)


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    table.add_column(heads[0], overflow="ellipsis", no_wrap=True, max_width=24)
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _streams(told: dict[str, Any]) -> Table:
    heads = ("stream", "frames", "done", "dropped", "fps", "age p50", "p90", "p99", "tracks")
    table = _table(f"{told['variant']}, tracker {told['tracker'] or 'none'}", *heads)
    rows = list(told["streams"].items())
    if len(rows) > 1:
        rows.append(("all", told | {"fps": told["end_to_end_fps"], "tracks": ""}))
    for name, row in rows:
        counts = [row["frames_in"], row["processed"], sum(row["dropped"].values())]
        ages = [_ms(row["age_ms"], key) for key in ("p50", "p90", "p99")]
        table.add_row(
            name, *map(str, counts), _number(row["fps"], ".1f"), *ages, str(row["tracks"])
        )
    return table


def _stages(told: dict[str, Any]) -> Table:
    table = _table("milliseconds a frame", "stage", "p50", "p90", "p99", "CPU")
    for name, times in told["stages_ms"].items():
        if times is not None:
            cells = [_ms(times, key) for key in ("p50", "p90", "p99")]
            table.add_row(name, *cells, _number(told["cpu_ms"].get(name), ".1f"))
    return table


def _counts(told: dict[str, Any]) -> Table:
    table = _table("lines and zones", "stream", "name", "class", "in", "out", "now")
    for stream, row in told["streams"].items():
        for name, one in row["counts"].items():
            inside = one.get("inside")
            classes = sorted({*one["in"], *one["out"], *(inside or ())}) or ["-"]
            for kind in classes:
                now = "" if inside is None else str(inside.get(kind, 0))
                ways = (str(one[way].get(kind, 0)) for way in ("in", "out"))
                table.add_row(stream, name, kind, *ways, now)
    return table


def _watched(name: str, row: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """Lines on a stream's tracks: their score, or why there are none."""
    score, lines = row.get("score"), []
    if score is not None and score["classes"]:
        kinds = ("HOTA", "MOTA", "IDF1")
        figures = ", ".join(f"{kind} {score[kind]:.1f}" for kind in kinds)
        lines.append(f"{name}: {figures} against its own truth, {score['frames']} frames")
    elif score is not None:
        lines.append(f"{name}: not scored; this network has none of the classes of its truth")
    best = row["best_score"]
    if told["tracker"] and not row["tracks"] and best >= SHOWN_MIN:
        lines.append(
            f"{name}: no tracks, but boxes of scores up to {best:.2f}; weaker ones start tracks "
            f"with --conf {max(0.1, best - 0.1):.1f}"
        )
    return lines


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [line for name, row in told["streams"].items() for line in _watched(name, row, told)]
    if told["dropped"]:
        causes = (
            f"{count} {_CAUSES.get(cause, cause)}" for cause, count in told["dropped"].items()
        )
        lines.append(f"dropped: {', '.join(causes)}")
    if told["of_engine"] is not None:
        lines.append(
            f"{told['end_to_end_fps']:.1f} frames a second, {told['of_engine']:.2f} of the engine "
            f"alone ({told['engine_only_fps']:.1f}); this CPU allows {told['ceiling']:.2f}"
        )
    if told["bound_by"] is not None:
        lines.append(f"bound by {told['bound_by']}")
    memory = told["memory_mb"]
    facts = [f"first result after {_number(told['first_result_s'], '.1f')} s"]
    facts.append(f"memory {memory['now']:.0f} MB, peak {memory['peak']:.0f} MB")
    facts += [f"{told['power_w']:.1f} W"] if told["power_w"] is not None else []
    facts += [f"{told['temperature_c']:.0f} C"] if told["temperature_c"] is not None else []
    if "mqtt" in told:
        sent = told["mqtt"]
        lines.append(
            f"MQTT: {sent['sent']} messages sent, {sent['waiting'] + sent['dropped']} lost"
        )
    return [*lines, "; ".join(facts)]


# cause in the JSON -> in words
_CAUSES = {
    "newer": "for a newer one",
    "late": "over the budget",
    "full": "since too many waited",
    "every": "by --every",
    "stopped": "at the end",
}


def _ms(times: dict[str, float] | None, key: str) -> str:
    return _number(None if times is None else times[key], ".1f")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
