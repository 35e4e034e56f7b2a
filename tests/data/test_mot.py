from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecv.data.mot import find_sequences, read_sequence
from edgecv.data.mot_rows import MotRows, read_rows, write_rows
from edgecv.errors import DataError

INFO = "[Sequence]\nname=x\nframeRate=25\nseqLength=4\nimWidth=640\nimHeight=480\n"
FOUND = (
    "1,-1,10,20,30,40,0.9,-1,-1,-1\n2,-1,11,20,30,40,0.8,-1,-1,-1\n2,-1,99,20,30,40,0.5,-1,-1,-1\n"
)
TRUTH = "1,7,10,20,30,40,1,1,1\n2,7,11,20,30,40,1,1,1\n4,7,12,20,30,40,1,1,1\n1,8,9,9,9,9,0,8,1\n"
STILL = "".join(f"{frame} 1 0 {frame} 0 1 0\n" for frame in range(4))


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    folder = tmp_path / "walk"
    folder.mkdir()
    files = {"seqinfo.ini": INFO, "det.txt": FOUND, "gt.txt": TRUTH, "gmc.txt": STILL}
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_sequence_has_what_its_files_say(sequence: Path) -> None:
    read = read_sequence(sequence)
    assert (read.name, read.frame_rate, read.length, read.size_wh) == ("walk", 25, 4, (640, 480))
    assert read.truth is not None
    assert read.truth.frames.tolist() == [1, 1, 2, 4]
    assert read.truth.class_ids.tolist() == [1, 8, 1, 1]
    assert read.truth.has_classes
    assert read.affines is not None
    assert read.affines[3].tolist() == [[1, 0, 3], [0, 1, 0]]
    assert read.notes == ()


@pytest.mark.parametrize(("frame", "count"), [(1, 1), (2, 2), (3, 0)])
def test_detections_of_a_frame_are_corners(sequence: Path, frame: int, count: int) -> None:
    found = read_sequence(sequence).found_in(frame)
    assert len(found) == count
    if frame == 1:
        assert found.boxes_xyxy.tolist() == [[10, 20, 40, 60]]
        assert found.scores.tolist() == [np.float32(0.9)]


def test_the_second_half_starts_after_the_middle_frame_and_counts_from_one(sequence: Path) -> None:
    half = read_sequence(sequence).second_half()
    # of 0-based frames 0 to 3 it is 3 = 4 // 2 + 1 alone, which is frame 4 of the files
    assert half.length == 1
    assert half.truth is not None
    assert half.truth.frames.tolist() == [1]
    assert len(half.detections) == 0
    assert half.affines is not None
    assert half.affines[:, 0, 2].tolist() == [3]


def test_folders_of_the_challenge_are_read_too(sequence: Path) -> None:
    for name, place in (("det.txt", "det"), ("gt.txt", "gt")):
        (sequence / place).mkdir()
        (sequence / name).rename(sequence / place / name)
    read = read_sequence(sequence)
    assert len(read.detections) == 3
    assert read.truth is not None


def test_scores_that_are_no_probabilities_count_as_sure_and_this_is_said(sequence: Path) -> None:
    (sequence / "det.txt").write_text(FOUND.replace(",0.", ",40."))
    read = read_sequence(sequence)
    assert read.detections.scores.tolist() == [1, 1, 1]
    assert "40.5 to 40.9" in read.notes[0]


def test_ground_truth_with_world_coordinates_has_no_classes(sequence: Path) -> None:
    (sequence / "gt.txt").write_text("1,9,499,158,31.03,75.17,1,-4.1554,-7.3591,0\n")
    truth = read_sequence(sequence).truth
    assert truth is not None
    assert not truth.has_classes


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("det.txt", "", r"det\.txt: the file is empty"),
        ("det.txt", "\n\n", r"det\.txt: the file is empty"),
        ("det.txt", FOUND + "3,-1,oops,20,30,40,0.9,-1,-1,-1\n", r"line 4: found '3,-1,oops"),
        ("det.txt", FOUND + "# 3,-1,1,20,30,40,0.9,-1,-1,-1\n", r"line 4: found '# 3"),
        ("det.txt", FOUND + "3,-1,20,30\n", r"line 4: found '3,-1,20,30', expected 7 or 8 or 9"),
        ("det.txt", "1,2,3\n", r"3 columns, expected 7 or 8 or 9 or 10"),
        ("det.txt", FOUND + "3,-1,nan,20,30,40,0.9,-1,-1,-1\n", r"line 4: wrong value .*nan"),
        ("det.txt", FOUND + "3,-1,inf,20,30,40,0.9,-1,-1,-1\n", r"line 4: wrong value .*inf"),
        ("det.txt", FOUND + "1,-1,1,20,30,40,0.9,-1,-1,-1\n", r"line 4: wrong frame .*rising"),
        ("det.txt", FOUND + "3,-1,1,20,-3,40,0.9,-1,-1,-1\n", r"line 4: wrong box"),
        ("det.txt", FOUND + "2.5,-1,1,20,3,40,0.9,-1,-1,-1\n", r"line 4: wrong frame"),
        ("det.txt", "0" + FOUND[1:], r"line 1: wrong frame .*from 1"),
        ("det.txt", FOUND + "3,-1,1,20,3,40,1.7,-1,-1,-1\n", r"score 1\.7 in frame 3"),
        (
            "det.txt",
            FOUND + "9,-1,1,20,3,40,0.7,-1,-1,-1\n",
            r"to frame 9, expected at most 4",
        ),
        ("det.txt", FOUND + "1e300,-1,1,20,3,40,0.7,-1,-1,-1\n", r"line 4: wrong frame"),
        ("gt.txt", TRUTH + "9,7,1,20,3,40,1,1,1\n", r"gt\.txt: goes to frame 9"),
        ("gt.txt", TRUTH + "3,7.5,1,20,3,40,1,1,1\n", r"line 5: wrong id"),
        ("gmc.txt", STILL[:-14], r"3 lines, expected one for each of 4 frames"),
        ("gmc.txt", STILL.replace("2 1 0 2", "1 1 0 2"), r"line 3: wrong index"),
        ("seqinfo.ini", "frameRate=25", r"seqinfo\.ini: File contains no section headers"),
        ("seqinfo.ini", INFO.replace("4", "four"), r"seqinfo\.ini: invalid literal"),
        ("seqinfo.ini", INFO.replace("imWidth=640", ""), r"imWidth None.*four numbers"),
        ("seqinfo.ini", INFO.replace("=25", "=0"), r"frameRate 0\.0"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(
    sequence: Path, name: str, text: str, said: str
) -> None:
    (sequence / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_sequence(sequence)


def test_a_binary_file_is_refused(sequence: Path) -> None:
    (sequence / "det.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as text"):
        read_sequence(sequence)


def test_a_missing_seqinfo_says_what_it_holds(sequence: Path) -> None:
    (sequence / "seqinfo.ini").unlink()
    assert find_sequences(sequence.parent) == [sequence]
    with pytest.raises(DataError, match=r"seqinfo\.ini: missing; it holds frameRate"):
        read_sequence(sequence)


def test_two_files_of_detections_are_refused_by_name(sequence: Path) -> None:
    (sequence / "det_other.txt").write_text(FOUND)
    with pytest.raises(DataError, match=r"det\.txt, det_other\.txt; expected one"):
        read_sequence(sequence)


def test_a_wrong_number_of_pictures_is_refused(sequence: Path) -> None:
    (sequence / "img1").mkdir()
    (sequence / "img1" / "000001.jpg").touch()
    with pytest.raises(DataError, match="1 pictures, expected 4"):
        read_sequence(sequence)


def test_sequences_are_found_in_a_folder_and_in_themselves(sequence: Path) -> None:
    (sequence.parent / "notes").mkdir()
    assert find_sequences(sequence) == [sequence]
    assert find_sequences(sequence.parent) == [sequence]


def test_a_folder_without_sequences_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no sequence here, expected NAME/seqinfo\.ini"):
        find_sequences(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_sequences(tmp_path / "absent")


def test_written_tracks_are_read_back(tmp_path: Path) -> None:
    rows = MotRows(
        "here",
        np.array([1, 1, 3]),
        np.array([1, 2, 1]),
        np.array([[1.25, 2.5, 3, 4], [5, 6, 7.75, 8], [1, 2, 3, 4]]),
        np.array([0.5, 0.25, 1]),
        np.full(3, -1),
    )
    write_rows(tmp_path / "out.txt", rows)
    back = read_rows(tmp_path / "out.txt", sorted_by_frame=True)
    for field in ("frames", "ids", "boxes_xywh", "scores", "class_ids"):
        np.testing.assert_array_equal(getattr(back, field), getattr(rows, field))
