from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_training import make_trained

from edgecv.report.training import curves
from edgecv.report.training.collect import collect
from edgecv.report.training.schema import TrainingReport


def report(folder: Path, epochs: int) -> TrainingReport:
    return collect(make_trained(folder / str(epochs), epochs=epochs))


def points(svg: str, name: str) -> list[tuple[float, float]]:
    """Of a line, in percent of the plot."""
    (found,) = re.findall(rf'<polyline class="line {name}" points="([^"]*)"', svg)
    return [tuple(map(float, point.split(","))) for point in found.split()]  # type: ignore[misc]


def test_scores_stand_at_their_epochs_and_heights(tmp_path: Path) -> None:
    made = report(tmp_path, 24)
    svg = str(curves.scores(made))
    scored = [epoch for epoch in made.epochs if epoch.mAP is not None]
    top = max(epoch.mAP50 or 0 for epoch in scored) * 1.1
    assert points(svg, "mAP") == [
        pytest.approx((100 * e.epoch / 24, 100 - 100 * (e.mAP or 0) / top), abs=0.01)
        for e in scored
    ]
    assert f"best mAP {scored[-1].mAP:.3f} after epoch 24 of 24" in svg


def test_each_part_of_the_loss_has_a_line(tmp_path: Path) -> None:
    made = report(tmp_path, 24)
    assert curves.parts(made) == ["total", "iou", "objectness", "classes", "l1"]
    svg = str(curves.losses(made))
    assert [len(points(svg, name)) for name in curves.parts(made)] == [24, 24, 24, 24, 4]
    assert [name for name, _ in curves.swatches(curves.parts(made))] == curves.parts(made)


def test_a_line_says_where_mosaic_ends(tmp_path: Path) -> None:
    made = report(tmp_path, 24)
    assert made.plain_from == 20
    assert 'class="plain" points="83.33,' in str(curves.scores(made))
    settings = {**made.settings, "augment": {**made.settings["augment"], "mosaic": 0.0}}
    without = made.model_copy(update={"settings": settings})
    assert without.plain_from is None
    assert "plain" not in str(curves.scores(without))


def test_one_epoch_is_a_dot(tmp_path: Path) -> None:
    made = report(tmp_path, 1)
    for chart in (curves.scores(made), curves.losses(made), curves.rates(made)):
        assert '<circle class="dot' in chart


def test_many_epochs_are_lines_without_dots(tmp_path: Path) -> None:
    made = report(tmp_path, 300)
    assert 'class="dot' not in curves.rates(made)
    assert len(points(str(curves.rates(made)), "lr")) == 300


def test_a_tick_is_a_whole_epoch(tmp_path: Path) -> None:
    svg = str(curves.rates(report(tmp_path, 2)))
    ticks = re.findall(r'text-anchor="middle">([^<]*)<', svg)
    assert [tick for tick in ticks if tick] == ["0", "1", "2"]
