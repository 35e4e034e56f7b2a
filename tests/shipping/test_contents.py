from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgecv.bundle import FileRecord, sha256_of
from edgecv.errors import BundleError
from edgecv.shipping.contents import NAMED, check_files, differences, refuse


def recorded(folder: Path, *names: str) -> dict[str, FileRecord]:
    """Files with their own name as content."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return {
        name: FileRecord(sha256=sha256_of(folder / name), size_bytes=len(name)) for name in names
    }


def test_an_empty_folder_holds_no_files(tmp_path: Path) -> None:
    assert differences(tmp_path, {}) == []


def test_files_as_they_were_recorded_are_right(tmp_path: Path) -> None:
    files = recorded(tmp_path, "one", "deep/er/two")
    assert differences(tmp_path, files) == []


def test_every_kind_of_difference_is_named(tmp_path: Path) -> None:
    files = recorded(tmp_path, "same", "changed", "longer", "gone", "linked", "deep/same")
    (tmp_path / "changed").write_text("CHANGED")
    (tmp_path / "longer").write_text("longer!")
    (tmp_path / "gone").unlink()
    (tmp_path / "linked").unlink()
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("linked")
    (tmp_path / "deep" / ".hidden").touch()
    os.mkfifo(tmp_path / "pipe")
    assert sorted(differences(tmp_path, files)) == [
        "changed is changed",
        "deep/.hidden is not in the manifest",
        "elsewhere is not in the manifest",
        "gone is missing",
        "linked is a link",
        "longer is changed",
        "pipe is no file",
    ]


def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    files = recorded(tmp_path / "bundle", "deep/file")
    (tmp_path / "bundle" / "deep").rename(tmp_path / "outside")
    (tmp_path / "bundle" / "deep").symlink_to(tmp_path / "outside")
    told = differences(tmp_path / "bundle", files)
    assert told == ["deep is a link", "deep/file is missing"]


def test_a_bundle_may_be_reached_through_a_link(tmp_path: Path) -> None:
    files = recorded(tmp_path / "bundle", "file")
    (tmp_path / "current").symlink_to("bundle")
    assert differences(tmp_path / "current", files) == []


def test_what_somebody_else_looks_after_is_left_to_him(tmp_path: Path) -> None:
    recorded(tmp_path, "mine", "his/one", "his/two")
    assert differences(tmp_path, {}, ("mine", "his")) == []
    assert differences(tmp_path, {}, ("his/one",)) == [
        "mine is not in the manifest",
        "his/two is not in the manifest",
    ]


def test_what_a_run_leaves_at_the_top_is_no_part_of_a_bundle(tmp_path: Path) -> None:
    recorded(tmp_path, ".lock", ".stages/load-1/model.onnx", ".build-x/engine", ".half-train/x")
    assert differences(tmp_path, {}) == []
    recorded(tmp_path, "deep/.lock", ".hidden")
    assert sorted(differences(tmp_path, {})) == [
        ".hidden is not in the manifest",
        "deep/.lock is not in the manifest",
    ]


@pytest.mark.parametrize(
    ("added", "changed", "way_out"),
    [
        (["extra.txt"], [], r"extra\.txt is not in the manifest\. Remove extra\.txt$"),
        ([], ["model"], r"model is changed\. Make it again$"),
        (["extra.txt"], ["model"], r"Remove extra\.txt\. Make it again$"),
        ([f"x{index}" for index in range(NAMED + 1)], [], "Remove x0, .*x4 and 1 more$"),
    ],
    ids=["added", "changed", "both", "many"],
)
def test_the_way_out_fits_what_is_wrong(
    added: list[str], changed: list[str], way_out: str, tmp_path: Path
) -> None:
    files = recorded(tmp_path, "model")
    check_files(tmp_path, files)
    for name in (*added, *changed):
        (tmp_path / name).write_text("else")
    with pytest.raises(BundleError, match=way_out):
        check_files(tmp_path, files, again="Make it again")


def test_no_problem_is_refused_and_of_many_the_first_are_named(tmp_path: Path) -> None:
    refuse(tmp_path, [], "")
    problems = [f"{index} is missing" for index in range(NAMED + 2)]
    with pytest.raises(BundleError, match=r"0 is missing, .*4 is missing and 2 more\. Do it"):
        refuse(tmp_path, problems, "Do it")
    with pytest.raises(BundleError, match=r"0 is missing\. Do it"):
        refuse(tmp_path, problems[:1], "Do it")
