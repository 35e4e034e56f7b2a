from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from made_shapes import Shapes, quick, small_network

from edgecv.errors import EdgecvError, UsageError
from edgecv.models.cost import network_cost
from edgecv.pruning import conv_times, exported, schedule
from edgecv.pruning.conv_times import Engine
from edgecv.pruning.groups import Graph
from edgecv.pruning.job import Job
from edgecv.pruning.schedule import prune
from edgecv.recipe import PruneSettings
from edgecv.training.splits import Parts

PARTS = Parts(Shapes(4), Shapes(2, first=100), ())


@pytest.fixture(autouse=True)
def quickly_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(conv_times, "CALLS", 1)
    monkeypatch.setattr(conv_times, "SHARES", (0.5,))
    monkeypatch.setattr(exported, "CALLS", 1)


def job(folder: Path, parts: Parts | None = PARTS, **settings: Any) -> Job:
    values = {"macs": 0.6, "steps": 2, "round_to": 4, "sensitivity": 0, "batches": 1, **settings}
    return Job(PruneSettings(**values), 64, parts, folder, Engine("onnxruntime", 1))


def test_the_share_of_macs_is_kept_in_steps(tmp_path: Path) -> None:
    model = small_network()
    found = prune(model, job(tmp_path, train=quick(epochs=1)))
    parameters, macs = network_cost(found.model, 64)
    assert found.told["after"]["macs"] == macs
    assert found.told["after"]["parameters"] == parameters
    assert macs <= 0.6 * network_cost(model, 64)[1]
    first, second = found.told["steps"]
    # evenly in the logarithm: each step keeps the same share of what is there
    assert (first["goal"], second["goal"]) == (pytest.approx(0.6**0.5), 0.6)
    for step in (first, second):
        assert 0.9 * step["goal"] < step["share"] <= step["goal"]
        assert step["share"] == step["predicted"]
        assert 0 <= step["mAP"] <= 1
        assert 0 <= step["mAP_cut"] <= 1
    assert found.told["before"]["macs"] == network_cost(model, 64)[1]


def test_widths_are_those_of_the_network_and_multiples(tmp_path: Path) -> None:
    model = small_network()
    found = prune(model, job(tmp_path, steps=1))
    widths = found.told["widths"]
    assert {n: [b] for n, (b, _) in widths.items()} == {
        g.name: [g.width] for g in Graph(model).groups()
    }
    for name, (before, after) in widths.items():
        assert found.model.get_submodule(name).out_channels == after
        assert after % 4 == 0
        assert after >= before / 8


def test_sensitivity_tells_of_every_group(tmp_path: Path) -> None:
    seen = prune(small_network(), job(tmp_path, steps=1, sensitivity=1)).told["sensitivity"]
    assert [one["group"] for one in seen["groups"]] == [
        group.name for group in Graph(small_network()).groups()
    ]
    assert all(len(one["losses"]) == len(seen["ratios"]) == 3 for one in seen["groups"])


def test_without_pictures_weights_alone_decide(tmp_path: Path) -> None:
    found = prune(small_network(), job(tmp_path, None, importance="magnitude"))
    assert found.told["share"] <= 0.6
    assert found.told["after"]["mAP"] is None
    assert found.told["sensitivity"] is None


def test_stopped_in_a_later_step_it_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"train": quick(epochs=1)}
    whole = prune(small_network(), job(tmp_path / "whole", **settings))
    trained: list[Path] = []

    def stopping(model: Any, task: Any) -> Any:
        trained.append(task.folder)
        if task.folder.name == "step-2":
            raise KeyboardInterrupt
        return before(model, task)

    before = schedule.train
    monkeypatch.setattr(schedule, "train", stopping)
    with pytest.raises(KeyboardInterrupt):
        prune(small_network(), job(tmp_path / "stopped", **settings))
    monkeypatch.setattr(schedule, "train", before)
    monkeypatch.setattr(schedule, "choose", None)  # nothing is chosen twice
    again = prune(small_network(), job(tmp_path / "stopped", **settings))
    assert [folder.name for folder in trained] == ["step-1", "step-2"]
    assert again.told == json.loads(json.dumps(whole.told))
    weights = again.model.state_dict()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(weights[name], value), name


def test_a_half_done_pruning_of_other_settings_is_refused(tmp_path: Path) -> None:
    prune(small_network(), job(tmp_path, steps=1))
    with pytest.raises(UsageError, match=r"unfinished pruning with another prune\.macs\. Call as"):
        prune(small_network(), job(tmp_path, steps=1, macs=0.5))
    with pytest.raises(UsageError, match=r"with another weights"):
        prune(small_network(seed=3), job(tmp_path, steps=1))
    (tmp_path / "step-1" / "cut.json").write_text("{")
    with pytest.raises(EdgecvError, match=r"cut\.json: not the JSON .*--fresh"):
        prune(small_network(), job(tmp_path, steps=1))


def test_a_share_that_would_empty_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"keeping 0\.01 of this network's MACs would empty"):
        prune(small_network(), job(tmp_path, steps=1, macs=0.01))


def test_time_is_measured_after_the_cut_and_more_is_cut_where_it_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def slow(paths: Any, size: int, engine: Engine) -> list[float]:
        asked.append(tuple(path.name for path in paths))
        return [10.0, 9.5 if len(asked) == 1 else 7.0]

    monkeypatch.setattr(schedule, "compare", slow)
    found = prune(small_network(), job(tmp_path, macs=None, latency=0.8, steps=1))
    (step,) = found.told["steps"]
    assert asked == [("original.onnx", "cut.onnx")] * 2
    assert (step["tries"], step["share"]) == (2, 0.7)
    assert (step["original_ms"], step["ms"]) == (10.0, 7.0)
    # what was left after the first try was to become .8 / .95 of itself
    assert step["predicted"] == pytest.approx(0.8, abs=0.05)
