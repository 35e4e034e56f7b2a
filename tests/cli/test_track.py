from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgecv.cli.track import command
from edgecv.data.mot_rows import read_rows
from edgecv.errors import DataError, UsageError

LENGTH = 12


def write_sequence(folder: Path, *, truth: bool = True) -> Path:
    """Two people who pass each other at a distance."""
    folder.mkdir(parents=True)
    info = f"[Sequence]\nframeRate=10\nseqLength={LENGTH}\nimWidth=640\nimHeight=480\n"
    (folder / "seqinfo.ini").write_text(info)
    found, real = [], []
    for frame in range(1, LENGTH + 1):
        for name, left in ((1, 10 + 4 * frame), (2, 300 - 4 * frame)):
            found.append(f"{frame},-1,{left},{100 * name},40,90,0.9,-1,-1,-1\n")
            real.append(f"{frame},{name},{left},{100 * name},40,90,1,1,1\n")
    (folder / "det.txt").write_text("".join(found))
    if truth:
        (folder / "gt.txt").write_text("".join(real))
    return folder


def run(*arguments: object) -> Result:
    given = [str(argument) for argument in arguments]
    return CliRunner().invoke(command, given, catch_exceptions=False, standalone_mode=False)


@pytest.mark.parametrize("tracker", ["sort", "bytetrack", "ocsort", "botsort"])
def test_json_holds_each_sequence_and_all_combined(tmp_path: Path, tracker: str) -> None:
    for name in ("first", "second"):
        write_sequence(tmp_path / name)
    told = json.loads(run(tmp_path, "--tracker", tracker, "--json").stdout)
    assert set(told) == {"tracker", "protocol", "combined", "sequences"}
    assert set(told["sequences"]) == {"first", "second"}
    assert set(told["combined"]) == {"HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW"}
    assert told["combined"]["IDF1"] == 100
    assert told["combined"]["IDSW"] == 0


def test_the_table_ends_with_the_combined_line(tmp_path: Path) -> None:
    write_sequence(tmp_path / "walk")
    lines = [line.split() for line in run(tmp_path).stdout.splitlines() if line.strip()]
    assert lines[0] == ["botsort"]
    assert lines[1][1:] == ["HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW"]
    assert [line[0] for line in lines[3:]] == ["walk", "combined"]
    assert lines[-1][-2:] == ["100.00", "0"]


def test_tracks_are_written_for_the_challenge(tmp_path: Path) -> None:
    write_sequence(tmp_path / "walk", truth=False)
    result = run(tmp_path, "--out", tmp_path / "out" / "here")
    tracks = read_rows(tmp_path / "out" / "here" / "walk.txt", sorted_by_frame=True)
    assert (len(tracks), set(tracks.ids.tolist())) == (2 * LENGTH, {1, 2})
    assert "walk is not scored: it has no gt.txt" in result.stderr


def test_the_protocol_scores_the_second_half_alone(tmp_path: Path) -> None:
    write_sequence(tmp_path / "walk")
    out = tmp_path / "out"
    run(tmp_path, "--protocol", "mot17-val-half", "--out", out)
    tracks = read_rows(out / "walk.txt", sorted_by_frame=True)
    # of 12 frames the 0-based 7 to 11
    assert set(tracks.frames.tolist()) == {1, 2, 3, 4, 5}


def test_without_ground_truth_and_out_nothing_would_come_of_it(tmp_path: Path) -> None:
    write_sequence(tmp_path / "walk", truth=False)
    with pytest.raises(UsageError, match=r"no gt\.txt to score against.*--out DIR"):
        run(tmp_path)


def test_a_damaged_sequence_stops_before_any_work(tmp_path: Path) -> None:
    write_sequence(tmp_path / "good")
    (write_sequence(tmp_path / "worse") / "det.txt").write_text("")
    with pytest.raises(DataError, match=r"det\.txt: the file is empty"):
        run(tmp_path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_shared_sequences_reach_their_figures(shared: Path) -> None:
    folder = shared / "data" / "mot" / "mot17_half" / "MOT17-09"
    told = json.loads(run(folder, "--protocol", "mot17-val-half", "--json").stdout)
    assert told["combined"] == told["sequences"]["MOT17-09"]
    assert told["combined"]["HOTA"] > 60


def test_less_is_detected_when_asked_and_the_tracker_fills_in(tmp_path: Path) -> None:
    write_sequence(tmp_path / "walk")
    out = tmp_path / "out"
    told = json.loads(run(tmp_path, "--every", 3, "--out", out, "--json").stdout)
    assert told["combined"]["IDSW"] == 0
    assert told["combined"]["IDF1"] > 90
    tracks = read_rows(out / "walk.txt", sorted_by_frame=True)
    assert len(tracks) == 2 * LENGTH
    every = json.loads(run(tmp_path, "--json").stdout)
    assert every["combined"]["HOTA"] > told["combined"]["HOTA"]
