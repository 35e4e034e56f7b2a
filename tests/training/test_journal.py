from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from edgecv.training.journal import HISTORY, TENSORBOARD, Journal, Row, line


def row(epoch: int, **more: object) -> Row:
    loss = {"iou": 2.0, "objectness": 1.25, "total": 3.25}
    return {"epoch": epoch, "step": 4 * epoch, "lr": 0.0025, "loss": loss, "seconds": 7.0, **more}


SCORED = {"mAP": 0.4321, "mAP50": 0.7, "per_class": {"a": 0.4321}}


def test_an_epoch_is_one_line() -> None:
    assert line(row(3), 20) == (
        "epoch    3/20  loss 3.250 (iou 2.00 objectness 1.25)  lr 0.0025  7.0 s"
    )
    assert "lr 0.0025  mAP 0.4321  7.0 s" in line(row(3, **SCORED), 20)


def test_epochs_are_told_in_lines_files_and_curves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path, [], epochs=2, steps=4, done=0, shown=True)
    with journal.live():
        for epoch in (1, 2):
            for _ in range(4):
                journal.step(epoch - 1, 3.0)
            journal.add(row(epoch, **(SCORED if epoch == 2 else {})))
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{line(row(1), 2)}\n{line(row(2, **SCORED), 2)}\n"  # no bar for a pipe
    rows = [json.loads(text) for text in (tmp_path / HISTORY).read_text().splitlines()]
    assert rows == [row(1), row(2, **SCORED)]
    curves = EventAccumulator(str(tmp_path / TENSORBOARD)).Reload()
    losses = [(event.step, event.value) for event in curves.Scalars("loss/total")]
    assert losses == [(4, 3.25), (8, 3.25)]
    assert [event.step for event in curves.Scalars("validation/mAP")] == [8]


def test_going_on_forgets_what_was_told_after_the_checkpoint(tmp_path: Path) -> None:
    first = Journal(tmp_path, [], epochs=3, steps=4, done=0, shown=True)
    with first.live():
        first.add(row(1))
        first.add(row(2))
    again = Journal(tmp_path, [row(1)], epochs=3, steps=4, done=4, shown=True)
    with again.live():
        assert len((tmp_path / HISTORY).read_text().splitlines()) == 1
        again.add(row(2))
    curves = EventAccumulator(str(tmp_path / TENSORBOARD)).Reload()
    assert [event.step for event in curves.Scalars("lr")] == [4, 8]


def test_all_processes_but_the_first_tell_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = Journal(tmp_path, [], epochs=1, steps=1, done=0, shown=False)
    with silent.live():
        silent.step(0, 1.0)
        silent.add(row(1))
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
