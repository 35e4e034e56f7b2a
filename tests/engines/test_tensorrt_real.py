"""The files of the official YOLOX-Nano, through NVIDIA's parser and builder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import onnx
import pytest

from edgecv.bundle import InputSpec, OutputSpec
from edgecv.data.pictures import find_pictures
from edgecv.engines.tensorrt.acceptance import CAPABILITIES, verdict_of
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.deploy import Deployed
from edgecv.models.export_torch import WRAPPER, export_onnx
from edgecv.models.onnx_write import write_graph
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.quantization.emit import emit
from edgecv.quantization.execute import Pictures
from edgecv.quantization.files import STEM_CHANNELS
from edgecv.quantization.half import float32_nodes, peaks
from edgecv.quantization.half_graph import to_half
from edgecv.quantization.half_numerics import rounded
from edgecv.quantization.network import read_network
from edgecv.quantization.observe import observe
from edgecv.quantization.plan import Scheme, make_plan, output_tensor, quantisable
from edgecv.quantization.sensitivity import damage_db, reference
from edgecv.recipe import QuantizeSettings


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, "dynamic"])
def test_every_file_of_the_official_nano_is_accepted_for_every_gpu(
    shared: Path, tmp_path: Path, batch: int | Literal["dynamic"]
) -> None:
    pytest.importorskip("tensorrt_rtx")
    state = read_checkpoint(shared / "data" / "weights" / "yolox_nano.pth")
    graph = export_onnx(Deployed(yolox_from_state(state, "nano"), 416, 416), 416, 416, batch, 17)
    model = write_graph(graph, tmp_path / "m.onnx", simplify=True, drop_prefix=WRAPPER)
    paths = find_pictures(shared / "data" / "photos" / "coco38")[:4]
    shown = Pictures(paths, InputSpec(width=416, height=416, batch=1))
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
