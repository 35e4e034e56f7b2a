"""The files of the official YOLOX-Nano, through NVIDIA's parser and builder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, OutputSpec, Variant
from edgecv.data.pictures import find_pictures
from edgecv.engines import open_engine
from edgecv.engines.tensorrt.acceptance import CAPABILITIES, verdict_of
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.coco import COCO_80
from edgecv.models.deploy import Deployed
from edgecv.models.export_torch import WRAPPER, export_onnx
from edgecv.models.onnx_write import write_graph
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.quantization.emit import emit
from edgecv.quantization.execute import Pictures, Runner
from edgecv.quantization.files import STEM_CHANNELS
from edgecv.quantization.half import float32_nodes, peaks
from edgecv.quantization.half_graph import to_half
from edgecv.quantization.half_numerics import rounded
from edgecv.quantization.network import read_network
from edgecv.quantization.observe import observe
from edgecv.quantization.plan import Scheme, make_plan, output_tensor, quantisable
from edgecv.quantization.sensitivity import damage_db, reference
from edgecv.recipe import QuantizeSettings
from edgecv.types import Array


def official(
    shared: Path, folder: Path, batch: int | Literal["dynamic"]
) -> tuple[onnx.ModelProto, Pictures]:
    """The network as it is exported, and a few photos."""
    state = read_checkpoint(shared / "data" / "weights" / "yolox_nano.pth")
    graph = export_onnx(Deployed(yolox_from_state(state, "nano"), 416, 416), 416, 416, batch, 17)
    model = write_graph(graph, folder / "model.onnx", simplify=True, drop_prefix=WRAPPER)
    paths = find_pictures(shared / "data" / "photos" / "coco38")[:4]
    return model, Pictures(paths, InputSpec(width=416, height=416, batch=1))


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, "dynamic"])
def test_every_file_of_the_official_nano_is_accepted_for_every_gpu(
    shared: Path, tmp_path: Path, batch: int | Literal["dynamic"]
) -> None:
    pytest.importorskip("tensorrt_rtx")
    model, shown = official(shared, tmp_path, batch)
    files = {"float": model, "INT8": in_int8(model, shown)}
    known = reference(model, OutputSpec(), shown)
    for name, one in list(files.items()):
        kept = float32_nodes(one, peaks(one, shown))
        files[f"{name} in 16 bits"] = to_half(one, kept)
        lost = damage_db(one, known) - damage_db(rounded(one, kept), known)
        assert name == "float" or lost < 2
    for name, one in files.items():
        onnx.save(one, tmp_path / "a.onnx")
        verdict = verdict_of(tmp_path / "a.onnx")
        assert verdict["accepted"] is True, (name, verdict)
        assert verdict["capabilities"] == list(CAPABILITIES)


@pytest.mark.slow
def test_the_official_nano_in_int8_and_16_bits_says_the_same_in_two_engines(
    shared: Path, tmp_path: Path
) -> None:
    model, shown = official(shared, tmp_path, 1)
    quantised = in_int8(model, shown)
    half = to_half(quantised, float32_nodes(quantised, peaks(quantised, shown)))
    onnx.save(half, tmp_path / "half.onnx")
    spec = ModelSpec(name="nano", class_names=COCO_80, input=InputSpec(width=416, height=416))
    bundle = Bundle(tmp_path, Manifest(spec=spec))
    bundle.save()
    found = {}
    for engine in ("onnxruntime", "openvino"):
        variant = Variant(name=engine, engine=engine, precision="int8", file="half.onnx")
        with open_engine(bundle, variant) as opened:
            found[engine] = [opened.infer(batch)[1] for batch in shown]
    exact = [Runner(model, ["scores"])(batch)["scores"] for batch in shown]
    in_float32 = [Runner(quantised, ["scores"])(batch)["scores"] for batch in shown]
    lost = sqnr_db(exact, in_float32)
    for engine, scores in found.items():
        assert sqnr_db(exact, scores) > lost - 2, engine


def sqnr_db(expected: list[Array], found: list[Array]) -> float:
    wrong = sum(float(np.square(a - b).sum()) for a, b in zip(expected, found, strict=True))
    return 10 * float(np.log10(sum(float(np.square(a).sum()) for a in expected) / wrong))


def in_int8(model: onnx.ModelProto, shown: Pictures) -> onnx.ModelProto:
    """As the quantize stage emits it for TensorRT, all convs but stem and predictions."""
    network = read_network(model)
    settings = QuantizeSettings(rounding="nearest", equalize=False, bias_correction=False)
    layers = quantisable(network, ())
    tensors = [name for layer in layers for name in (layer.input, output_tensor(layer))]
    histograms = observe(network, list(dict.fromkeys(tensors)), shown)
    plan = make_plan(network, layers, histograms, Scheme(symmetric=True), settings, shown)
    names = [one.name for one in layers if one.in_channels > STEM_CHANNELS]
    return emit(network, plan, names, activations="int8")
