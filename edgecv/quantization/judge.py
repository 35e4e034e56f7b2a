"""Measure a try on the ground truth, with the engines that will run it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import onnx

from edgecv.bundle import Bundle, Manifest, ModelSpec, OutputSpec, Variant
from edgecv.data.dataset import Dataset
from edgecv.engines import Engine, PooledEngine, open_engine
from edgecv.machine import int8_cpu
from edgecv.metrics.detection import score_detections
from edgecv.progress import bar
from edgecv.quantization.blame import Departure, find_departure
from edgecv.quantization.budget import Step
from edgecv.quantization.execute import Runner
from edgecv.quantization.files import Files
from edgecv.quantization.sensitivity import damage_db
from edgecv.recipe import EvaluateSettings
from edgecv.stages.evaluate import answers
from edgecv.types import Array, Image

COMPARED = 3  # pictures; an engine that is wrong is so on every one


class Judge:
    """Scores INT8 files on a data set; without one it only takes the noise of the detections.

    Attributes:
        float_score: mAP of `model.onnx`; None without ground truth.
        data: name of the data set, or None.
    """

    def __init__(self, bundle: Bundle, files: Files, data: Dataset | None) -> None:
        self._bundle = bundle
        self._files = files
        self._data = data
        self.data = data.name if data else None
        self.float_score = None
        self._known: dict[tuple[str, tuple[str, ...]], Step] = {}
        if self._data is not None:
            exact = self._exact(files.network.model)
            self.float_score = self._score(self._data, exact, "float")

    def attempt(self, target: str, allowance: float, quiet: float) -> Step:
        """Measure a target's file with that share of the work in float, or what makes it quiet."""
        kept = self._files.kept_float(target, allowance, quiet)
        key = (target, tuple(kept))
        if key not in self._known:
            self._known[key] = self._measure(self._files, target, allowance, kept)
        return replace(self._known[key], allowance=allowance)

    def again(self, files: Files, step: Step) -> Step:
        """Measure a try with the weights of other files."""
        return self._measure(files, step.target, step.allowance, step.kept_float)

    def departure(self, files: Files, step: Step) -> Departure | None:
        """Where the engine of a try computes otherwise than its file says; None: nowhere.

        None too where the engine does not run here.
        """
        if step.target == "tensorrt" or not self._runs_here():
            return None
        model = files.emission(step.target, step.kept_float)
        sample = files.known.pictures.spread(COMPARED)
        compute = partial(_compute, self._bundle.spec, step.target)
        return find_departure(files.network, model, self._bundle.spec.output, sample, compute)

    def _measure(self, files: Files, target: str, allowance: float, kept: list[str]) -> Step:
        model = files.emission(target, kept)
        score = None
        if self._data is not None:
            title = f"{target}, {allowance:.0%} float"
            score = self._score(self._data, self._engine(target, model), title)
        return Step(target, allowance, kept, damage_db(model, files.known), score)

    def _engine(self, target: str, model: onnx.ModelProto) -> Engine:
        """The engine itself where it runs here; for TensorRT and other CPUs exact Q/DQ."""
        if target == "tensorrt" or not self._runs_here():
            return self._exact(model)
        name = f"onnx/{target}-int8.onnx"
        onnx.save(model, self._bundle.new_file(name))
        variant = Variant(name=f"{target}-int8", engine=target, precision="int8", file=name)
        return open_engine(self._bundle, variant)

    def _runs_here(self) -> bool:
        here = int8_cpu()
        return self._files.cpu == here or (self._files.portable and here != "arm")

    def _exact(self, model: onnx.ModelProto) -> Engine:
        output = self._bundle.spec.output
        run = Runner(model, [output.boxes, output.scores])

        def call(batch: Image) -> list[Array]:
            values = run(batch)
            return [values[output.boxes], values[output.scores]]

        return PooledEngine("exact", self._bundle.spec, call)

    def _score(self, data: Dataset, engine: Engine, title: str) -> float:
        pictures = [sample.path for sample in data.samples]
        with engine, bar(f"judging {title}", len(pictures)) as advance:
            found = [
                one.detections for one in answers(engine, pictures, EvaluateSettings(), advance)
            ]
        return score_detections(data, found, self._bundle.spec.class_names, resamples=0).mAP


def _compute(
    spec: ModelSpec, target: str, model: onnx.ModelProto, tensor: str, batches: Sequence[Image]
) -> list[Array]:
    """A tensor of a graph, as the engine computes it."""
    # a name of its own: an engine may not give what it also reads
    result = f"{tensor}.compared"
    model.graph.node.append(onnx.helper.make_node("Identity", [tensor], [result]))
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(result))
    alone = spec.model_copy(update={"output": OutputSpec(boxes=result, scores=result)})
    variant = Variant(name=target, engine=target, precision="int8", file="part.onnx")
    with tempfile.TemporaryDirectory() as folder:
        bundle = Bundle(Path(folder), Manifest(spec=alone))
        onnx.save(model, bundle.path(variant.file))
        with open_engine(bundle, variant) as engine:
            return [engine.infer(batch)[0] for batch in batches]
