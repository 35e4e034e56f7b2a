from __future__ import annotations

from pathlib import Path

import pytest
import torch
from made_shapes import quick

from edgecv.errors import EdgecvError, UsageError
from edgecv.training.resume import (
    CHECKPOINT,
    identity,
    read_state,
    replace_with,
    write_best,
    write_state,
)

OF = {"train.epochs": 3, "weights": "abc"}


def test_settings_are_told_by_dotted_name_without_those_that_change_no_result() -> None:
    found = identity(quick(epochs=7, workers=1, checkpoint_every_s=9), {"weights": "abc"})
    assert found["train.epochs"] == 7
    assert found["train.augment.mosaic"] == 0
    assert found["weights"] == "abc"
    assert found == identity(quick(epochs=7), {"weights": "abc"})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    state = {"of": OF, "position": {"epoch": 2, "history": [{"mAP": 0.5, "per_class": {"a": 0.1}}]}}
    write_state(tmp_path, {**state, "model": {"w": torch.arange(3.0)}})
    found = read_state(tmp_path, OF)
    assert found is not None
    assert {name: found[name] for name in state} == state
    assert found["model"]["w"].tolist() == [0, 1, 2]


def test_where_nothing_was_written_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read_state(tmp_path, OF) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"train.epochs": 5}, "train.epochs was 3, is 5"),
        ({"weights": "other"}, "weights changed"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    write_state(tmp_path, {"of": OF})
    with pytest.raises(UsageError, match=f"{told}.*--fresh"):
        read_state(tmp_path, {**OF, **change})


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    write_state(tmp_path, {"of": OF, "model": torch.zeros(1000)})
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(EdgecvError, match="not a whole checkpoint"):
        read_state(tmp_path, OF)


def test_a_write_that_fails_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_text("former")

    def half(temporary: Path) -> None:
        temporary.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_with(path, half)
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_best_weights_replace_the_former(tmp_path: Path) -> None:
    from edgecv.models.checkpoint import read_checkpoint

    for value in (1.0, 2.0):
        write_best(tmp_path, {"w": torch.tensor([value])})
    (path,) = tmp_path.iterdir()
    assert read_checkpoint(path)["w"].tolist() == [2.0]
