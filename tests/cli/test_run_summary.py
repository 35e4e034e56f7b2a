from __future__ import annotations

import io
from typing import Any

import pytest

from edgecv.cli._run_summary import print_summary

AGE = {"p50": 123.4, "p90": 1234.5, "p99": 12345.6}
MEMORY = {"settled": None, "now": 200.0, "peak": 200.0}
LONG = "the entrance hall on the left-hand side of the building"


REASON = "22.4 results a second are under 30.0"


def row(frames: int, **more: Any) -> dict[str, Any]:
    return {
        **{"frames_in": frames, "processed": frames, "dropped": {"newer": frames // 2}},
        **{"fps": 1043.2, "age_ms": AGE, "tracks": 0, "tracked": 0, "boxes": 0, "best_score": 0.0},
        **{"away": None, "problem": None, **more},
    }


def shown(streams: dict[str, dict[str, Any]], **more: Any) -> list[str]:
    """The lines of a summary in which little more is known."""
    told = {
        **row(sum(one["frames_in"] for one in streams.values())),
        **{"variant": "openvino-int8", "tracker": "botsort", "streams": streams, "conf": None},
        **{"end_to_end_fps": 1043.2, "stages_ms": {}, "memory_mb": MEMORY, "throttled_by": []},
        **dict.fromkeys(("of_engine", "bound_by", "first_result_s", "power_w"), None),
        **dict.fromkeys(("mj_per_frame", "temperature_c"), None),
        **more,
    }
    file = io.StringIO()
    print_summary(told, file)
    return file.getvalue().splitlines()


@pytest.mark.parametrize(("frames", "width"), [(100, 80), (1234567890, 88)])
def test_names_of_streams_give_way_to_figures_however_long_the_run(frames: int, width: int) -> None:
    lines = shown({"one-by-one-person-detection": row(frames), "b": row(9)})
    assert max(map(len, lines)) == width
    heads, _, first, second, *_ = lines[lines.index(next(x for x in lines if "p99" in x)) :]
    assert heads.split()[0] + heads.split()[-1] == "streamtracks"
    assert "…" not in heads + second
    name, *figures = first.split()
    assert name.endswith("…")
    assert figures[:3] == [str(frames), str(frames), str(frames // 2)]
    assert figures[3:] == ["1043.2", "123.4", "1234.5", "12345.6", "0"]


def test_long_names_of_zones_and_classes_give_way_to_counts() -> None:
    counts = {LONG: {"in": {f"{LONG} again": 1234567}, "out": {}, "inside": {"cat": 3}}}
    lines = shown({"one-by-one-person-detection": row(100, counts=counts)})
    assert max(map(len, lines)) == 80
    told = [line.split() for line in lines if "hall" in line]
    assert [words[-3:] for words in told] == [["0", "0", "3"], ["1234567", "0", "0"]]
    assert any(line.split()[-3:] == ["in", "out", "now"] for line in lines)


def test_the_reason_of_a_switch_is_told_to_its_last_figure() -> None:
    sides = [{"variant": "openvino-int8", "stride": stride} for stride in (1, 2)]
    switch = {"from": sides[0], "to": sides[1], "time_s": 12345.6, "reason": REASON}
    lines = shown({"a": row(9)}, governor={"switches": [switch], "seconds": []}, predicted=0)
    told = " ".join(word for line in lines for word in line.split())
    assert max(map(len, lines)) == 80
    assert REASON in told


@pytest.mark.parametrize(
    ("conf", "stream", "hint"),
    [
        (None, {"tracks": 3, "tracked": 436, "boxes": 1111}, "--conf 0.4 starts more"),
        (0.5, {"tracks": 3, "tracked": 436, "boxes": 1111}, "--conf 0.4 starts more"),
        (0.4, {"tracks": 3, "tracked": 436, "boxes": 1111}, None),
        (None, {"tracks": 3, "tracked": 900, "boxes": 1111}, None),
        (None, {"best_score": 0.41, "boxes": 60}, "start tracks with --conf 0.3"),
        (0.35, {"best_score": 0.41, "boxes": 60}, "start tracks with --conf 0.3"),
        (0.2, {"best_score": 0.41, "boxes": 60}, None),
        # seen once, which no tracker takes for an object
        (None, {"best_score": 0.95, "boxes": 1}, None),
        (None, {"best_score": 0.2}, None),
    ],
)
def test_a_score_to_start_tracks_is_proposed_where_it_is_less_than_that_in_use(
    conf: float | None, stream: dict[str, Any], hint: str | None
) -> None:
    lines = [line for line in shown({"a": row(60, **stream)}, conf=conf) if "--conf" in line]
    assert [line[-len(hint or "") :] for line in lines] == ([] if hint is None else [hint])


@pytest.mark.parametrize(
    ("ceiling", "end"), [(0.1, "(100.0)"), (0.28, "(100.0); this CPU allows 0.28")]
)
def test_a_ceiling_that_was_exceeded_is_none(ceiling: float, end: str) -> None:
    lines = shown({"a": row(5)}, of_engine=0.28, engine_only_fps=100.0, ceiling=ceiling)
    (line,) = (one for one in lines if "of the engine alone" in one)
    assert line.endswith(f"0.28 of the engine alone {end}")
