"""TrackEval is the judge: the same files through its reader, preparation and metrics."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import trackeval

from edgecv.data.mot import Sequence, find_sequences, read_sequence
from edgecv.data.mot_rows import MotRows, read_rows, write_rows
from edgecv.errors import DataError
from edgecv.metrics.tracking import TrackScore, combine, score_tracks
from edgecv.metrics.tracking.frames import iou_xywh
from edgecv.trackers.replay import PROTOCOLS, track_sequence

KEYS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
# name, frames, file of the ground truth: with classes (MOT16 and 17) and without (MOT15)
WITH_TRUTH = {
    "MOT16-11": (900, "videos/MOT16-11.gt.txt"),
    "PETS09-S2L1": (795, "videos/PETS09-S2L1.gt.txt"),
    "TUD-Stadtmitte": (179, "videos/TUD-Stadtmitte.gt.txt"),
    "TUD-Campus": (71, "TUD-Campus/gt/gt.txt"),
}
Judged = dict[str, tuple[MotRows, MotRows, int]]  # truth, tracks, frames


def rows(table: list[list[float]] | np.ndarray, classes: bool = False) -> MotRows:
    """Rows of frame, id, left, top, width, height, score and, with classes, class."""
    array = np.array(table, float).reshape(-1, 8 if classes else 7)
    array = array[np.argsort(array[:, 0], kind="stable")]
    return MotRows(
        "test",
        array[:, 0].astype(np.int64),
        array[:, 1].astype(np.int64),
        array[:, 2:6],
        array[:, 6],
        array[:, 7].astype(np.int64) if classes else np.full(len(array), -1),
    )


def write_truth(path: Path, truth: MotRows) -> None:
    """As `write_rows`, with classes and every digit."""
    table = np.column_stack(
        [truth.frames, truth.ids, truth.boxes_xywh, truth.scores, truth.class_ids]
    )
    np.savetxt(path, np.column_stack([table, np.ones(len(table))]), "%.17g", ",")


def judge(folder: Path, judged: Judged) -> dict[str, dict[str, float]]:
    """TrackEval's values for each sequence, and combined."""
    classes = {truth.has_classes for truth, _, _ in judged.values()}
    (has_classes,) = classes
    (folder / "tracks" / "ours" / "data").mkdir(parents=True)
    for name, (truth, tracks, _) in judged.items():
        (folder / "gt" / name / "gt").mkdir(parents=True)
        write_truth(folder / "gt" / name / "gt" / "gt.txt", truth)
        write_rows(folder / "tracks" / "ours" / "data" / f"{name}.txt", tracks)
    quiet = {"PRINT_CONFIG": False}
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(folder / "gt"),
                "TRACKERS_FOLDER": str(folder / "tracks"),
                "SKIP_SPLIT_FOL": True,
                "BENCHMARK": "MOT17" if has_classes else "MOT15",
                "SEQ_INFO": {name: length for name, (_, _, length) in judged.items()},
                **quiet,
            }
        )
        metrics = [
            trackeval.metrics.HOTA(),
            trackeval.metrics.CLEAR(quiet),
            trackeval.metrics.Identity(quiet),
        ]
        found: list[dict[str, dict[str, float]]] = [{} for _ in metrics]
        for name in judged:
            raw = dataset.get_raw_seq_data("ours", name)
            data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
            for metric, values in zip(metrics, found, strict=True):
                values[name] = metric.eval_sequence(data)
        for metric, values in zip(metrics, found, strict=True):
            values["combined"] = metric.combine_sequences(dict(values))
    merged = {name: {k: v for part in found for k, v in part[name].items()} for name in found[0]}
    return {name: percentages(values) for name, values in merged.items()}


def percentages(values: dict[str, float]) -> dict[str, float]:
    found = {key: 100 * float(np.mean(values[key])) for key in KEYS}
    return found | {"IDSW": float(values["IDSW"])}


def agree(folder: Path, judged: Judged) -> None:
    told = judge(folder, judged)
    ours = {name: score_tracks(*parts) for name, parts in judged.items()}
    ours["combined"] = combine(list(ours.values()))
    for name, score in ours.items():
        assert score.percentages() == pytest.approx(told[name], abs=1e-6), name


@cache
def halves(folder: Path) -> list[Sequence]:
    half = PROTOCOLS["mot17-val-half"]
    return [half.part(read_sequence(path)) for path in find_sequences(folder)]


@pytest.mark.parametrize("tracker", ["sort", "ocsort"])
def test_mot17_is_scored_as_trackeval_does(shared: Path, tmp_path: Path, tracker: str) -> None:
    judged = {}
    for sequence in halves(shared / "data" / "mot" / "mot17_half"):
        assert sequence.truth is not None
        judged[sequence.name] = (
            sequence.truth,
            track_sequence(sequence, tracker),
            sequence.length,
        )
    assert len(judged) == 4
    agree(tmp_path, judged)


def shaken(truth: MotRows, seed: int) -> MotRows:
    """Tracks of a poor tracker: moved, lost, invented, and swapped in the middle."""
    random = np.random.default_rng(seed)
    boxes = (
        truth.boxes_xywh + random.normal(0, 0.12, (len(truth), 4)) * truth.boxes_xywh[:, [2, 3] * 2]
    )
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    ids = np.where(random.random(len(truth)) < 0.03, truth.ids + 500, truth.ids)
    ids = np.where(truth.frames > truth.frames.max() // 2, ids % 7 + 1000 * (ids // 7), ids)
    kept = random.random(len(truth)) > 0.2
    scores = random.uniform(0, 1, len(truth))
    moved = MotRows("shaken", truth.frames, ids, boxes.round(2), scores, np.full(len(truth), -1))
    return moved.select(kept)


@pytest.mark.parametrize("name", list(WITH_TRUTH))
def test_every_video_is_scored_as_trackeval_does(shared: Path, tmp_path: Path, name: str) -> None:
    length, place = WITH_TRUTH[name]
    truth = read_rows(shared / "data" / "mot" / place, sorted_by_frame=False)
    agree(tmp_path, {name: (truth, shaken(truth, 0), length)})


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [True, False])
def test_small_random_sequences_are_scored_as_trackeval_does(
    tmp_path: Path, seed: int, classes: bool
) -> None:
    random = np.random.default_rng(seed)
    judged = {}
    for name in ("one", "two"):
        tables = []
        for ids in (4, 5):
            frames, names = np.divmod(np.flatnonzero(random.random(12 * ids) < 0.7), ids)
            boxes = random.uniform([0, 0, 10, 10], [12, 12, 30, 30], (len(names), 4)).round(2)
            considered = (random.random(len(names)) < 0.9).astype(float)
            tables.append(np.column_stack([frames + 1, names + 1, boxes, considered]))
        truth = tables[0]
        if classes:
            # of the ids 1 to 4 the last is a distractor, which also takes tracks away
            truth = np.column_stack([truth, np.where(truth[:, 1] == 4, 8, 1)])
        judged[name] = (rows(truth, classes), rows(tables[1]), 12)
    agree(tmp_path, judged)


WALK = [[frame, 1, 10 * frame, 0, 20, 50, 1] for frame in range(1, 5)]
NOTHING = rows([])


def test_perfect_tracks_score_a_hundred() -> None:
    told = score_tracks(rows(WALK), rows(WALK), 4).percentages()
    assert told == {"HOTA": 100, "DetA": 100, "AssA": 100, "MOTA": 100, "IDF1": 100, "IDSW": 0}


def test_one_switch_in_the_middle_costs_what_the_formulas_say() -> None:
    split = [[*row[:1], 1 if row[0] < 3 else 2, *row[2:]] for row in WALK]
    told = score_tracks(rows(WALK), rows(split), 4).percentages()
    # AssA: each box shares 2 frames of 4 with its track; IDF1: 2 of 4 boxes are explained
    expected = {"DetA": 100, "AssA": 50, "HOTA": 100 * 0.5**0.5, "MOTA": 75, "IDF1": 50, "IDSW": 1}
    assert told == pytest.approx(expected)


@pytest.mark.parametrize(
    ("truth", "tracks", "mota"), [(rows(WALK), NOTHING, 0), (NOTHING, rows(WALK), -400)]
)
def test_an_empty_side_scores_nothing(truth: MotRows, tracks: MotRows, mota: float) -> None:
    told = score_tracks(truth, tracks, 4).percentages()
    assert told == {"HOTA": 0, "DetA": 0, "AssA": 0, "MOTA": mota, "IDF1": 0, "IDSW": 0}


def test_two_empty_sides_score_nothing() -> None:
    assert set(score_tracks(NOTHING, NOTHING, 3).percentages().values()) == {0}


def test_a_track_on_a_distractor_is_neither_right_nor_wrong() -> None:
    reflection = [[frame, 2, 500, 0, 20, 50, 0, 12] for frame in range(1, 5)]
    truth = rows([[*row, 1] for row in WALK] + reflection, classes=True)
    both = rows(WALK + [[*row[:6], 1] for row in reflection])
    assert score_tracks(truth, both, 4).percentages()["MOTA"] == 100


def test_an_id_twice_in_a_frame_is_refused() -> None:
    with pytest.raises(DataError, match="id 1 occurs 2 times in frame 3"):
        score_tracks(rows(WALK), rows([*WALK, WALK[2]]), 4)


def test_a_frame_outside_the_sequence_is_refused() -> None:
    with pytest.raises(DataError, match="frames 1 to 4, expected 1 to 3"):
        score_tracks(rows(WALK), NOTHING, 3)


def test_no_scores_cannot_be_combined() -> None:
    none: list[TrackScore] = []
    with pytest.raises(ValueError, match="no scores to combine"):
        combine(none)


def test_overlaps_follow_the_formula() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [50, 50, 1, 1]])
    np.testing.assert_allclose(
        iou_xywh(boxes, boxes), [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]], atol=1e-12
    )
    assert iou_xywh(boxes, np.zeros((0, 4))).shape == (3, 0)
