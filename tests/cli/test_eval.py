from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_bundles import CLASSES, small_bundle
from small_runs import write_data
from small_videos import null_bundle, write_truth, write_video

from edgecv.bundle import Bundle
from edgecv.cli.eval import command
from edgecv.errors import BundleError, DataError, UsageError
from edgecv.recipe import EvaluateSettings
from edgecv.stages import Context
from edgecv.stages.build import build_variant
from edgecv.stages.evaluate import run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    names = tuple(f"class {index}" for index in range(CLASSES))
    write_data(tmp_path / "photos", classes=names)
    return tmp_path / "photos"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    made = small_bundle(tmp_path / "bundle", int8=("onnxruntime",))
    for precision in ("fp32", "int8"):
        build_variant(made, "onnxruntime", precision)  # type: ignore[arg-type]
    made.save()
    return made


def output(bundle: Bundle, data: Path, *arguments: str) -> str:
    words = [str(bundle.folder), "--data", str(data), "--engine", "onnxruntime", *arguments]
    result = CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_json_holds_the_score_that_the_stage_measures(bundle: Bundle, data: Path) -> None:
    found = json.loads(output(bundle, data, "--json"))
    assert list(found)[:6] == ["mAP", "mAP50", "interval", "per_class", "images", "boxes"]
    assert (found["variant"], found["data"], found["images"]) == ("onnxruntime-int8", "photos", 8)
    assert found["protocol"]["score_min"] == 0.001
    expected = run(bundle, EvaluateSettings(), Context(data=data))["variants"]["onnxruntime-int8"]
    assert {key: found[key] for key in expected["accuracy"]} == expected["accuracy"]


def test_a_precision_can_be_asked_for(bundle: Bundle, data: Path) -> None:
    found = json.loads(output(bundle, data, "--precision", "fp32", "--json"))
    assert found["variant"] == "onnxruntime-fp32"
    with pytest.raises(BundleError, match=r"no variant onnxruntime-fp16; it has"):
        output(bundle, data, "--precision", "fp16")


def test_text_is_a_score_and_a_line_a_class_in_eighty_columns(bundle: Bundle, data: Path) -> None:
    told = output(bundle, data).splitlines()
    assert told[0] == "onnxruntime-int8 on photos: 8 pictures, 8 boxes"
    assert told[1].startswith("mAP   ")
    rows = [line.split() for line in told if line.strip().startswith("class ")]
    assert sorted(row[1] for row in rows) == ["0", "1", "2", "AP"]
    assert max(map(len, told)) <= 80


def test_a_file_that_changed_since_the_manifest_is_refused(bundle: Bundle, data: Path) -> None:
    path = bundle.path(bundle.variant("onnxruntime", "int8").file)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BundleError, match="not the file of the manifest"):
        output(bundle, data)


def test_classes_that_do_not_match_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    write_data(tmp_path / "other", classes=("ant",))
    with pytest.raises(DataError, match="'ant'"):
        output(bundle, tmp_path / "other")
    with pytest.raises(DataError, match="no such folder"):
        output(bundle, tmp_path / "absent")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, frames in (("long", 12), ("short", 6)):
        write_video(folder / f"{name}.mp4", frames)
        write_truth(folder / f"{name}.gt.txt", frames, boxes=(0, 3))
    return folder


def tracks(folder: Path, data: Path, *arguments: str) -> str:
    words = [str(folder), "--data", str(data), "--task", "track", *arguments]
    result = CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_tracks_are_scored_for_each_video_and_combined(
    tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    folder = null_bundle(tmp_path / "bundle", ("person", "car", "dog")).folder
    found = json.loads(tracks(folder, videos, "--json"))
    assert (found["variant"], found["tracker"], found["class"]) == (
        "null-fp32",
        "botsort",
        "person",
    )
    assert list(found["sequences"]) == ["long", "short"]
    assert list(found["combined"]) == ["HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW"]
    for score in (*found["sequences"].values(), found["combined"]):
        assert score["HOTA"] == pytest.approx(100)
        assert (score["MOTA"], score["IDF1"], score["IDSW"]) == (100, 100, 0)
    lines = tracks(folder, videos, "--tracker", "sort", "--engine", "null").splitlines()
    assert lines[0].split() == ["null-fp32,", "sort,", "class", "person"]
    assert max(map(len, lines)) <= 80
    # sort follows two people more than there are: DetA = 2 / 4
    combined = next(line.split() for line in lines if "combined" in line)
    assert combined[1:5] == ["70.71", "50.00", "100.00", "0.00"]


def test_options_of_the_other_task_are_refused(bundle: Bundle, data: Path) -> None:
    with pytest.raises(UsageError, match="a folder of videos has no parts"):
        tracks(bundle.folder, data, "--split", "val")
    with pytest.raises(UsageError, match="pictures have no tracks"):
        output(bundle, data, "--tracker", "sort")
    words = [str(bundle.folder), "--data", str(data)]
    with pytest.raises(UsageError, match="which one"):
        CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)
