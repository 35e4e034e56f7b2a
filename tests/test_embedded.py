from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgecv import embedded
from edgecv.data.conveyor import CLASS_NAMES
from edgecv.data.conveyor.rule import read_rule
from edgecv.data.dataset import open_dataset
from edgecv.inputs import weights_of
from edgecv.models.checkpoint import read_about, read_checkpoint
from edgecv.models.download import EMBEDDED, EMBEDDED_FILE, is_embedded
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.recipe import Recipe
from edgecv.recipe_file import packaged_folder
from edgecv.stages import Context
from edgecv.stages.load import find_weights


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rules of a few pictures, and a cache of its own."""
    folder = tmp_path / "calibration"
    folder.mkdir()
    for seed, name in enumerate((embedded.CALIBRATION, embedded.TEST)):
        (folder / name).write_text(f"{{seed: {seed}, images: 3, size_wh: [96, 96]}}", "utf-8")
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "packaged_folder", lambda name: tmp_path / name)
    return folder


def test_the_weights_are_whole_small_and_say_their_classes_and_size() -> None:
    about = read_about(EMBEDDED_FILE)
    network = yolox_from_state(read_checkpoint(EMBEDDED_FILE), "embedded")
    assert about.class_names == tuple(CLASS_NAMES)
    assert network.config.classes == len(CLASS_NAMES)
    assert about.input_size == 320
    assert EMBEDDED_FILE.stat().st_size < 2.5e6


def test_the_card_says_what_it_was_trained_on_and_what_it_scores() -> None:
    card = EMBEDDED_FILE.with_suffix(".md").read_text("utf-8")
    for part in ("Data", "Training", "Scores", "Not for", "openvino-int8", "Apache-2.0"):
        assert part in card


def test_nothing_given_means_the_embedded_weights_and_pictures(rules: Path) -> None:
    assert weights_of(Recipe(), Context()) == EMBEDDED
    assert find_weights(EMBEDDED) == EMBEDDED_FILE
    found = embedded.with_pictures(Context())
    assert found.data is not None
    assert found.data.name == "conveyor_test"
    assert found.calibration is not None
    assert found.calibration.name == "conveyor"
    assert len(open_dataset(found.data).samples) == 3


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_embedded(EMBEDDED)
    (tmp_path / EMBEDDED).touch()
    assert not is_embedded(EMBEDDED)


def test_pictures_are_drawn_once_and_again_when_their_rule_changes(rules: Path) -> None:
    first = embedded.drawn(embedded.TEST)
    drawn_at = (first / "instances.json").stat().st_mtime_ns
    assert embedded.drawn(embedded.TEST) == first
    assert (first / "instances.json").stat().st_mtime_ns == drawn_at
    (rules / embedded.TEST).write_text("{seed: 9, images: 2, size_wh: [96, 96]}", "utf-8")
    assert embedded.drawn(embedded.TEST) != first


def test_two_runs_that_draw_at_once_share_one_whole_set(rules: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(embedded.drawn, [embedded.TEST] * 2)
    assert first == second
    assert [path.name for path in first.parent.iterdir()] == ["conveyor_test"]


def test_the_sets_that_train_choose_calibrate_and_score_share_no_seed() -> None:
    folder = packaged_folder("calibration")
    seeds = [read_rule(folder / name).seed for name in (embedded.CALIBRATION, embedded.TEST)]
    assert len({1, 2, *seeds}) == 4  # 1 and 2: the card's command
