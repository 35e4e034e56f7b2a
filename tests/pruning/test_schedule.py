from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from made_shapes import Shapes, quick, small_network

from edgecv.errors import EdgecvError, UsageError
from edgecv.models.cost import network_cost
from edgecv.pruning import measured, schedule
from edgecv.pruning.conv_times import Engine
from edgecv.pruning.costs import macs_costs
from edgecv.pruning.exported import compare, export
from edgecv.pruning.groups import Graph
from edgecv.pruning.job import Job
from edgecv.pruning.schedule import Pruned, prune
from edgecv.recipe import PruneSettings
from edgecv.training.splits import Parts

BY_WEIGHTS = {"importance": "magnitude", "steps": 1}
PARTS = Parts(Shapes(4), Shapes(2, first=100), ())


def job(folder: Path, parts: Parts | None = PARTS, **settings: Any) -> Job:
    values = {"macs": 0.6, "steps": 2, "round_to": 4, "sensitivity": 1, "batches": 1, **settings}
    return Job(PruneSettings(**values), 64, parts, folder, Engine("onnxruntime", 1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pruned, Path]:
    """A small network pruned in two steps, and the folder of that."""
    folder = tmp_path_factory.mktemp("pruning")
    return prune(small_network(), job(folder, train=quick(epochs=1))), folder


Whole = tuple[Pruned, Path]


def test_the_share_of_macs_is_kept_in_steps(whole: Whole) -> None:
    found, model = whole[0], small_network()
    parameters, macs = network_cost(found.model, 64)
    assert found.told["after"]["macs"] == macs <= 0.6 * network_cost(model, 64)[1]
    # the two of three equal biases that a graph leaves out
    assert parameters - 2 <= found.told["after"]["parameters"] <= parameters
    first, second = found.told["steps"]
    # evenly in the logarithm: each step keeps the same share of what is there
    assert (first["goal"], second["goal"]) == (pytest.approx(0.6**0.5), 0.6)
    for step in (first, second):
        assert 0.9 * step["goal"] < step["share"] <= step["goal"]
        assert step["share"] == pytest.approx(step["predicted"])
        assert 0 <= step["mAP"] <= 1
        assert 0 <= step["mAP_cut"] <= 1
    assert found.told["before"]["macs"] == network_cost(model, 64)[1]


def test_widths_are_those_of_the_network_and_multiples(whole: Whole) -> None:
    widths = whole[0].told["widths"]
    assert {name: before for name, (before, _) in widths.items()} == {
        group.name: group.width for group in Graph(small_network()).groups()
    }
    for name, (before, after) in widths.items():
        assert whole[0].model.get_submodule(name).out_channels == after
        assert after % 4 == 0
        assert after >= before / 8


def test_sensitivity_tells_of_every_group(whole: Whole) -> None:
    seen = whole[0].told["sensitivity"]
    assert [one["group"] for one in seen["groups"]] == [*whole[0].told["widths"]]
    assert all(len(one["losses"]) == len(seen["ratios"]) == 3 for one in seen["groups"])


@pytest.mark.parametrize("left", ["nothing", "the cut"])
def test_stopped_in_a_later_step_it_ends_as_if_it_had_not_been(
    tmp_path: Path, whole: Whole, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, folder = whole
    shutil.copytree(folder, tmp_path / "stopped")
    step = tmp_path / "stopped" / "step-2"
    if left == "nothing":
        shutil.rmtree(step)
    else:
        for path in [*step.glob("*.pt"), *step.glob("best*"), *step.glob("history*")]:
            path.unlink()
        monkeypatch.setattr(schedule, "choose", None)  # what was chosen stays
    again = prune(small_network(), job(tmp_path / "stopped", train=quick(epochs=1)))
    assert json.loads(json.dumps(again.told)) == json.loads(json.dumps(found.told))
    weights = again.model.state_dict()
    for name, value in found.model.state_dict().items():
        assert torch.equal(weights[name], value), name


def test_a_half_done_pruning_of_other_settings_is_refused(tmp_path: Path, whole: Whole) -> None:
    train = quick(epochs=1)
    with pytest.raises(UsageError, match=r"unfinished pruning with another prune\.macs\. Call as"):
        prune(small_network(), job(whole[1], train=train, macs=0.5))
    with pytest.raises(UsageError, match=r"with another weights"):
        prune(small_network(seed=3), job(whole[1], train=train))
    with pytest.raises(UsageError, match=r"with another prune\.train\.epochs\."):
        prune(small_network(), job(whole[1], train=quick(epochs=2)))
    (tmp_path / "pruning.json").write_text("{")
    with pytest.raises(EdgecvError, match=r"pruning\.json: not the JSON .*--fresh"):
        prune(small_network(), job(tmp_path))


def test_without_pictures_weights_alone_decide(tmp_path: Path) -> None:
    found = prune(small_network(), job(tmp_path, None, **BY_WEIGHTS))
    assert found.told["share"] <= 0.6
    assert found.told["after"]["mAP"] is None
    assert found.told["sensitivity"] is None


def test_a_share_that_would_empty_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"keeping 0\.01 of this network's MACs would empty"):
        prune(small_network(), job(tmp_path, None, macs=0.01, **BY_WEIGHTS))


def test_time_is_measured_after_the_cut_and_more_is_cut_where_it_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def slow(paths: Any, size: int, engine: Engine) -> list[float]:
        asked.append(tuple(path.name for path in paths))
        return [10.0, 9.5 if len(asked) == 1 else 7.0]

    monkeypatch.setattr(measured, "wait_until_quiet", lambda: None)
    monkeypatch.setattr(measured, "measure", lambda *_: None)
    monkeypatch.setattr(measured, "latency_costs", lambda convs, *_: macs_costs(convs))
    monkeypatch.setattr(measured, "compare", slow)
    found = prune(small_network(), job(tmp_path, None, macs=None, latency=0.8, **BY_WEIGHTS))
    (step,) = found.told["steps"]
    assert asked == [("original.onnx", "cut.onnx")] * 2
    assert (step["tries"], step["share"]) == (2, 0.7)
    assert (step["original_ms"], step["ms"]) == (10.0, 7.0)
    # what was left after the first try was to become .8 / .95 of itself
    assert step["predicted"] == pytest.approx(0.8, abs=0.05)


def test_two_networks_are_timed_in_turns(tmp_path: Path) -> None:
    paths = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for path in paths:
        export(small_network(), 32, path)
    times = compare(paths, 32, Engine("onnxruntime", 1))
    assert len(times) == 2
    assert all(0 < ms < 1000 for ms in times)
