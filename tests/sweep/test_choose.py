from __future__ import annotations

from pathlib import Path

import pytest
from made_sweep import point, sweep, variant
from small_bundles import small_bundle

from edgecv.bundle import Bundle
from edgecv.errors import BundleError, EdgecvError, UsageError
from edgecv.sweep.choose import choose, open_sweep, take
from edgecv.sweep.folder import Ledger
from edgecv.sweep.schema import Sweep

FAST = point("openvino-int8", mAP=0.40, p90_ms=4, drop=0.03)
MIDDLE = point("openvino-int8", mAP=0.425, p90_ms=6, drop=0.005)
SLOW = point("openvino-fp32", mAP=0.44, p90_ms=12, drop=-0.01)
SWEEP = sweep(variant("1", MIDDLE, SLOW), variant("2", FAST), variant("3", state="stopped"))


@pytest.mark.parametrize(
    ("max_drop", "p90_ms", "expected"),
    [(0.05, None, FAST), (0.01, None, MIDDLE), (0.01, 6, MIDDLE), (0, None, SLOW), (0, 12, SLOW)],
)
def test_the_fastest_that_keeps_its_map_and_its_time_is_chosen(
    max_drop: float, p90_ms: float | None, expected: object
) -> None:
    assert choose(SWEEP, max_drop, p90_ms)[1] == expected


def test_where_none_fits_the_nearest_on_each_side_are_told() -> None:
    with pytest.raises(EdgecvError) as raised:
        choose(SWEEP, 0.0, 6.0)
    assert raised.value.exit_status == 1
    assert str(raised.value) == (
        "no point of the sweep loses at most 0 mAP within 6 ms at p90: the fastest that keeps its "
        "mAP is openvino-fp32 of distill.width=1 (12.0 ms at p90, mAP 0.4400, 0.0100 above its "
        "reference); the most accurate fast enough is openvino-int8 of distill.width=1 (6.0 ms at "
        "p90, mAP 0.4250, 0.0050 below its reference)"
    )


def test_where_all_are_too_slow_and_lose_too_much_the_fastest_is_told() -> None:
    with pytest.raises(EdgecvError, match="the fastest of all is openvino-int8 of "):
        choose(sweep(variant("2", FAST)), 0.0, 1.0)


def record(folder: Path, content: Sweep) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Ledger(folder, content).replace(content)


def test_what_is_no_sweep_or_has_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no sweep\.json here"):
        open_sweep(tmp_path)
    (tmp_path / "other.txt").touch()
    with pytest.raises(UsageError, match="holds no sweep"):
        open_sweep(tmp_path)
    record(tmp_path / "begun", sweep(variant("1", state="waiting")))
    with pytest.raises(UsageError, match="nothing of this sweep was measured yet"):
        open_sweep(tmp_path / "begun")
    (tmp_path / "begun" / "sweep.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="not a record of a sweep"):
        open_sweep(tmp_path / "begun")
    record(tmp_path / "done", SWEEP)
    assert open_sweep(tmp_path / "done") == SWEEP


def test_the_bundle_of_the_point_is_copied_whole_and_nothing_beside(tmp_path: Path) -> None:
    made = small_bundle(tmp_path / "sweep" / "variants" / SWEEP.variants[0].name)
    (made.folder / ".lock").touch()
    (made.folder / ".stages").mkdir()
    taken = take(tmp_path / "sweep", (SWEEP.variants[0], MIDDLE), tmp_path / "new" / "bundle")
    assert taken.manifest == Bundle.open(made.folder).manifest
    assert taken.verify() == []
    names = {path.relative_to(taken.folder).as_posix() for path in taken.folder.rglob("*")}
    assert names == {"manifest.json", "model.onnx"}
    with pytest.raises(UsageError, match="is there already"):
        take(tmp_path / "sweep", (SWEEP.variants[0], MIDDLE), taken.folder)


def test_a_bundle_that_was_changed_is_refused(tmp_path: Path) -> None:
    made = small_bundle(tmp_path / "sweep" / "variants" / SWEEP.variants[0].name)
    made.path("model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"model\.onnx changed since it was made"):
        take(tmp_path / "sweep", (SWEEP.variants[0], MIDDLE), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
