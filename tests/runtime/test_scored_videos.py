from __future__ import annotations

from pathlib import Path

import pytest
from small_videos import null_bundle, write_truth, write_video

from edgecv.bundle import Bundle
from edgecv.engines import open_engine
from edgecv.errors import DataError
from edgecv.metrics.tracking import TrackScore
from edgecv.runtime.loop import LoopSettings
from edgecv.runtime.scored_videos import find_videos, people_of, track_video


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return null_bundle(tmp_path / "bundle", ("person", "car", "dog"))


def score(bundle: Bundle, folder: Path, **settings: object) -> TrackScore:
    engine = open_engine(bundle, bundle.variant("null"), requests=2)
    try:
        asked = LoopSettings(tracker="bytetrack", score_min=0.1, **settings)  # type: ignore[arg-type]
        return track_video(find_videos(folder)[0], engine, asked)
    finally:
        engine.close()


def test_only_people_count_and_every_frame_does(tmp_path: Path, bundle: Bundle) -> None:
    write_video(tmp_path / "v.mp4", 20)
    # of the boxes 0, 3, 6, 9 of people two are sure enough to be followed; 5 is no person
    write_truth(tmp_path / "v.gt.txt", 20, boxes=(0, 3, 5))
    found = score(bundle, tmp_path)
    assert (found.clear.true_positives, found.clear.misses) == (40, 20)
    assert (found.clear.false_alarms, found.clear.switches) == (0, 0)
    # DetA = TP / (TP + FN) and AssA = 1 at every overlap
    assert found.percentages()["HOTA"] == pytest.approx(100 * (40 / 60) ** 0.5)


def test_a_lower_start_follows_weaker_boxes(tmp_path: Path, bundle: Bundle) -> None:
    write_video(tmp_path / "v.mp4", 20)
    write_truth(tmp_path / "v.gt.txt", 20, boxes=(0, 3, 6))
    # box 6 has a score of 0.65; a track is shown from its second frame on, or its first of all
    assert score(bundle, tmp_path).clear.misses == 20
    assert score(bundle, tmp_path, start_min=0.6).clear.misses == 0


def test_ground_truth_of_another_video_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    write_video(tmp_path / "v.mp4", 5)
    write_truth(tmp_path / "v.gt.txt", 6, boxes=(0,))
    with pytest.raises(DataError, match=r"v\.gt\.txt: goes to frame 6, and .*v\.mp4 has 5"):
        score(bundle, tmp_path)


def test_a_damaged_video_is_not_scored(tmp_path: Path, bundle: Bundle) -> None:
    video = write_video(tmp_path / "v.avi", 60, (320, 240), "mpeg4")
    data = video.read_bytes()
    video.write_bytes(data[: data.index(b"movi") + 3000])
    write_truth(tmp_path / "v.gt.txt", 1, boxes=(0,))
    with pytest.raises(DataError, match=r"v\.avi"):
        score(bundle, tmp_path)


def test_a_folder_without_pairs_of_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder, expected NAME\.gt\.txt beside"):
        find_videos(tmp_path / "absent")
    with pytest.raises(DataError, match="no ground truth here"):
        find_videos(tmp_path)
    write_truth(tmp_path / "v.gt.txt", 1, boxes=(0,))
    with pytest.raises(DataError, match="its video: none; expected one"):
        find_videos(tmp_path)
    for suffix in ("avi", "mp4"):
        (tmp_path / f"v.{suffix}").touch()
    with pytest.raises(DataError, match=r"its video: v\.avi, v\.mp4; expected one"):
        find_videos(tmp_path)


def test_the_class_is_found_by_name_or_is_the_only_one() -> None:
    assert people_of(("car", "person")) == 1
    assert people_of(("pedestrian", "car")) == 0
    assert people_of(("face",)) == 0
    with pytest.raises(DataError, match="no class person or pedestrian among its 2"):
        people_of(("car", "dog"))
    with pytest.raises(DataError, match="among its 0"):
        people_of(())
