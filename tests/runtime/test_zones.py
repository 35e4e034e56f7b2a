from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edgecv.errors import UsageError
from edgecv.runtime.zones import Zones, read_zones

NAMES, STREAMS = ("person", "car"), ("door", "yard")
LINE = {"name": "step", "points": [[0, 240], [640, 240]]}
ZONE = {"name": "lawn", "points": [[0, 0], [100, 0], [0, 100]]}


def read(tmp_path: Path, content: object) -> Zones:
    path = tmp_path / "zones.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return read_zones(path, NAMES, STREAMS)


def problems(tmp_path: Path, content: object) -> list[str]:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    first, *found = str(caught.value).splitlines()
    count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
    assert first == f"{tmp_path / 'zones.json'}: {count}"
    return [line.strip() for line in found]


def test_lines_and_zones_are_read_with_what_was_left_out(tmp_path: Path) -> None:
    line = {**LINE, "classes": ["car"], "source": "yard", "anchor": "center"}
    zones = read(tmp_path, {"size": [640, 480], "lines": [line], "zones": [ZONE]})
    assert zones.size == (640, 480)
    assert [border.name for border in zones.borders] == ["step", "lawn"]
    step, lawn = zones.borders
    assert (step.points, step.classes, step.source) == (((0, 240), (640, 240)), ("car",), "yard")
    assert (lawn.classes, lawn.source, lawn.anchor) == ((), None, "bottom")


def test_all_that_is_wrong_with_the_keys_is_told_at_once(tmp_path: Path) -> None:
    line = {"name": "", "points": [[0, 1]], "clases": ["car"]}
    found = problems(tmp_path, {"sise": [640, 480], "lines": [line], "zones": [{"name": "a"}]})
    assert found == [
        "size: missing",
        "lines.0.name: string should have at least 1 character, got ''",
        "lines.0.points.1: missing",
        "lines.0.clases: unknown key; did you mean 'classes'?",
        "zones.0.points: missing",
        "sise: unknown key; did you mean 'size'?",
    ]


def test_all_that_is_wrong_with_the_values_is_told_at_once(tmp_path: Path) -> None:
    lines = [
        {**LINE, "classes": ["persn", "dog"]},
        {**LINE, "source": "dor"},
        {"name": "flat", "points": [[5, 5], [5, 5]]},
        {"name": "far", "points": [[5, 5], [641, 5]]},
    ]
    zones = [
        {"name": "bow", "points": [[0, 0], [10, 10], [10, 0], [0, 10]]},
        {"name": "thin", "points": [[0, 0], [10, 0], [20, 0]]},
    ]
    assert problems(tmp_path, {"size": [640, 480], "lines": lines, "zones": zones}) == [
        "'step': 2 of this name; each needs one of its own",
        "'step': no class 'persn'; did you mean 'person'?",
        "'step': no class 'dog'; there are person, car",
        "'step': no source 'dor'; did you mean 'door'?",
        "'flat': its two points are the same",
        "'far': point (641, 5) is outside of 640x480",
        "'bow': its sides cross each other; list the corners in order around it",
        "'thin': has no area",
    ]


def test_a_file_that_counts_nothing_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, {"size": [0, 480]}) == [
        "size: expected width and height in pixels, got [0, 480]",
        "neither lines nor zones; give at least one",
    ]
    assert problems(tmp_path, [1]) == [
        "the file: should be a valid dictionary or instance of Zones, got [1]"
    ]


def test_what_is_no_file_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"zones\.json: no JSON \(Expecting"):
        read(tmp_path, "{")
    with pytest.raises(UsageError, match="cannot be read"):
        read_zones(tmp_path / "absent.json", NAMES, STREAMS)


def test_the_file_in_the_documentation_is_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "run.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(\{\n  \"size\".*?)```", page, re.DOTALL)
    assert [border.name for border in read(tmp_path, example).borders] == ["door", "queue"]
