from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_shapes import CLASSES, quick, small_network, write_shapes

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, StageRecord
from edgecv.engines import open_engine
from edgecv.errors import DataError, ModelError, UsageError
from edgecv.machine import available_cores, read_cpu
from edgecv.models.checkpoint import read_about, write_checkpoint
from edgecv.models.cost import network_cost
from edgecv.models.detector import architecture_of, build, read_detector
from edgecv.models.students import StudentConfig
from edgecv.pruning import conv_times, exported, measured, schedule
from edgecv.recipe import ExportSettings, LoadSettings, PruneSettings, TrainSettings
from edgecv.stages import Context, export, load, prune, train
from edgecv.stages.build import build_variant
from edgecv.stages.load import SOURCE, WEIGHTS

Loaded = Callable[..., tuple[Bundle, Context]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", train=4, val=2)


@pytest.fixture
def loaded(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A bundle with a small network of some classes, and what a run of it is given."""
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    for module, name, few in (
        (conv_times, "CALLS", 5),
        (conv_times, "SHARES", (0.5,)),
        (exported, "CALLS", 5),
        (exported, "ROUNDS", 1),
    ):
        monkeypatch.setattr(module, name, few)

    def make(classes: tuple[str, ...] = CLASSES, pictures: bool = True) -> tuple[Bundle, Context]:
        weights = tmp_path / "small.safetensors"
        write_checkpoint(weights, small_network(len(classes)).state_dict())
        context = Context(str(weights), data if pictures else None, scratch=tmp_path / "scratch")
        (tmp_path / "bundle").mkdir()
        bundle = Bundle(tmp_path / "bundle", Manifest())
        load.run(bundle, LoadSettings(input_size=64, classes=classes), context)
        return bundle, context

    return make


def settings(**changes: Any) -> PruneSettings:
    values = {"macs": 0.5, "steps": 1, "round_to": 4, "sensitivity": 0, "batches": 1, **changes}
    return PruneSettings(**values)


def test_what_is_pruned_exports_runs_and_trains_like_any_other(
    loaded: Loaded, tmp_path: Path
) -> None:
    bundle, context = loaded()
    metrics = prune.run(bundle, settings(train=quick(epochs=1)), context)
    assert (metrics["unit"], metrics["keep"]) == ("MACs", 0.5)
    assert metrics["summary"].startswith(f"{metrics['share']:.1%} of the MACs, ")
    assert read_about(bundle.path(WEIGHTS))[:2] == (CLASSES, 64)
    written = export.run(bundle, ExportSettings(), context)
    assert written["macs"] == metrics["after"]["macs"] <= 0.5 * metrics["before"]["macs"]
    told = json.loads(bundle.path("pruning/pruning.json").read_text("utf-8"))
    assert told["share"] == metrics["share"]
    with open_engine(bundle, build_variant(bundle, "openvino", "fp32")) as engine:
        boxes, scores = engine.infer(np.zeros((1, 64, 64, 3), np.uint8))
    assert (boxes.shape, scores.shape) == ((1, 84, 4), (1, 84, 2))
    # and is trained on
    cost = network_cost(read_detector(bundle.path(WEIGHTS)), 64)
    again = Context(data=context.data, scratch=tmp_path / "training")
    train.run(bundle, quick(epochs=1), again)
    assert network_cost(read_detector(bundle.path(WEIGHTS)), 64) == cost


def test_a_student_is_pruned_and_still_says_what_it_is(loaded: Loaded) -> None:
    bundle, context = loaded()
    torch.manual_seed(0)
    student = build(StudentConfig("squeezenet1_1", 0.25, 16, 1, "relu", 2))
    from edgecv.models.checkpoint import About

    about = About(architecture=architecture_of(student.config))
    write_checkpoint(bundle.path(WEIGHTS), student.state_dict(), about)
    metrics = prune.run(bundle, settings(macs=0.7, importance="magnitude"), context)
    smaller = read_detector(bundle.path(WEIGHTS))
    assert smaller.config == student.config
    assert network_cost(smaller, 64)[1] == metrics["after"]["macs"]
    assert metrics["after"]["macs"] <= 0.7 * network_cost(student, 64)[1]


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_share_of_the_time_is_measured_on_the_engine(
    loaded: Loaded, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = loaded(pictures=False)
    # times of so small a network vary: whatever comes out of one cut, it is told
    monkeypatch.setattr(schedule, "TRIES", 1)
    monkeypatch.setattr(measured, "wait_until_quiet", lambda: None)
    metrics = prune.run(
        bundle, settings(macs=None, latency=0.95, engine=engine, importance="bn"), context
    )
    (step,) = metrics["steps"]
    assert metrics["unit"] == "time"
    assert metrics["engine"] == {"name": engine, "threads": available_cores()}
    assert step["share"] == pytest.approx(step["ms"] / step["original_ms"], rel=0.01)
    assert metrics["after"]["macs"] < metrics["before"]["macs"]
    assert metrics["after"]["mAP"] is None


def layer_times(**changes: Any) -> str:
    here = {"cpu": read_cpu().model, "cores": available_cores()}
    values = {"variant": "openvino-fp32", "engine": "openvino", "version": "1", "whole_ms": 1.0}
    return json.dumps({**values, **here, "layers": [], **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (layer_times(cpu="Cortex-A78AE"), r"measured on Cortex-A78AE .*this machine is .*Measure"),
        (layer_times(cores=99), r"with 99 cores; this machine"),
        (layer_times(engine="onnxruntime"), r"layer times of onnxruntime, expected openvino"),
        (layer_times(), r"are not there, .*of another network\. Measure this one"),
        ("{", r"not a file of layer times"),
        (None, r"no such file, expected layer times"),
    ],
    ids=["machine", "cores", "engine", "network", "damaged", "missing"],
)
def test_layer_times_that_are_not_of_this_are_refused(
    loaded: Loaded,
    tmp_path: Path,
    text: str | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measured, "wait_until_quiet", lambda: None)
    bundle, context = loaded(pictures=False)
    path = tmp_path / "layers.json"
    if text is not None:
        path.write_text(text)
    asked = settings(macs=None, latency=0.5, layers=str(path), importance="magnitude")
    with pytest.raises(UsageError, match=message):
        prune.run(bundle, asked, context)


def test_an_onnx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    record = StageRecord(
        stage="load", key="", settings={}, metrics={"weights": "net.onnx"}, seconds=0,
        environment={},
    )  # fmt: skip
    size = InputSpec(width=64, height=64)
    spec = ModelSpec(name="net", class_names=CLASSES, input=size)
    bundle = Bundle(tmp_path / "bundle", Manifest(spec=spec, history=(record,)))
    bundle.path(SOURCE).write_bytes(b"")
    with pytest.raises(ModelError, match=r"net\.onnx: an ONNX file cannot be pruned.*checkpoint"):
        prune.run(bundle, settings(), Context())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": TrainSettings(epochs=1)}, r"no data to fine-tune on: --data DIR"),
        ({"importance": "taylor"}, r"no data to judge channels by .*prune\.train=null"),
    ],
)
def test_without_data_there_is_nothing_to_learn(
    loaded: Loaded, changes: dict[str, Any], message: str
) -> None:
    bundle, context = loaded(pictures=False)
    with pytest.raises(DataError, match=message):
        prune.run(bundle, settings(**changes), context)


def test_classes_that_were_never_learnt_are_refused(loaded: Loaded) -> None:
    bundle, context = loaded(classes=("square", "ring"))
    with pytest.raises(DataError, match=r"class 'disc' is not one of .*square, ring.*Train it"):
        prune.run(bundle, settings(), context)


def test_classes_that_the_data_has_not_are_dropped_and_it_is_said(
    loaded: Loaded, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, context = loaded(classes=("ring", "Disc", "square"))
    prune.run(bundle, settings(macs=0.8, importance="bn"), context)
    assert bundle.spec.class_names == CLASSES
    assert bundle.path("labels.txt").read_text() == "square\ndisc\n"
    assert "2 of 2 classes known by name" in capsys.readouterr().err
    assert read_detector(bundle.path(WEIGHTS)).config.classes == 2


def test_a_side_for_fine_tuning_alone_is_refused(loaded: Loaded) -> None:
    bundle, context = loaded()
    with pytest.raises(UsageError, match=r"input is 64x64; .*leave out prune\.train\.input_size"):
        prune.run(bundle, settings(train=quick(epochs=1, input_size=96)), context)
