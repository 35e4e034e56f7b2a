"""Students through quantisation: gates and hard swish of MobileNetV3, Fires of SqueezeNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from made_data import noise, write_picture

from edgecv.bundle import InputSpec
from edgecv.models.deploy import Deployed
from edgecv.models.export_torch import WRAPPER, export_onnx
from edgecv.models.onnx_write import write_graph
from edgecv.models.students import Student, StudentConfig
from edgecv.quantization.emit import emit
from edgecv.quantization.execute import Pictures, Runner
from edgecv.quantization.files import cpu_scheme
from edgecv.quantization.network import Network, read_network
from edgecv.quantization.observe import observe
from edgecv.quantization.plan import (
    Plan,
    Scheme,
    make_plan,
    output_tensor,
    quantisable,
    quantise_outputs,
)
from edgecv.recipe import QuantizeSettings
from edgecv.training.transfer import new_network_of

SIDE = 64
SIZE = InputSpec(width=SIDE, height=SIDE)
SETTINGS = QuantizeSettings(rounding="nearest", equalize=False)
LEAST_DB = 20.0  # of random weights; trained ones are searched for a budget


def exported(backbone: str, activation: str, folder: Path) -> Network:
    """The graph of a small student whose norms have seen some pictures."""
    config = StudentConfig(backbone, 0.25, 16, 1, activation, 3)
    model = new_network_of(config, seed=0)
    assert isinstance(model, Student)
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            model.train()(255 * torch.rand(4, 3, SIDE, SIDE))
        for prediction in model.head.cls_preds:
            prediction.bias.zero_()  # or every score is .01 whatever the features say
    graph = export_onnx(Deployed(model, SIDE, SIDE), SIDE, SIDE, batch=1, opset=17)
    return read_network(write_graph(graph, folder / "s.onnx", simplify=True, drop_prefix=WRAPPER))


def pictures(folder: Path) -> Pictures:
    names = (folder / f"{number}.png" for number in range(8))
    paths = [write_picture(p, noise(SIDE, SIDE, seed=i)) for i, p in enumerate(names)]
    return Pictures(paths, SIZE)


def sqnr_db(found: np.ndarray, expected: np.ndarray) -> float:
    missed = float(((found - expected) ** 2).sum())
    return float(10 * np.log10((expected**2).sum() / max(missed, 1e-12)))


def scores(model: onnx.ModelProto, batch: np.ndarray) -> np.ndarray:
    return Runner(model, ["scores"])(batch)["scores"]


@pytest.mark.parametrize(
    ("backbone", "activation"),
    [("mobilenet_v2", "relu"), ("mobilenet_v3_small", "hardswish"), ("squeezenet1_1", "relu")],
)
def test_every_file_of_a_student_answers_nearly_as_its_float_graph(
    backbone: str, activation: str, tmp_path: Path
) -> None:
    network, seen = exported(backbone, activation, tmp_path), pictures(tmp_path / "photos")
    layers = quantisable(network, ())
    tensors = [name for layer in layers for name in (layer.input, output_tensor(layer))]
    histograms = observe(network, list(dict.fromkeys(tensors)), seen)
    plans: dict[str, Plan] = {
        kind: make_plan(network, layers, histograms, scheme, SETTINGS, seen)
        for kind, scheme in (
            ("cpu", cpu_scheme(SETTINGS, "x86-vnni")),
            ("tensorrt", Scheme(symmetric=True)),
        )
    }
    names = [layer.name for layer in layers]
    assert len(names) > len(network.layers) - 10
    outputs = quantise_outputs(network, layers, histograms, SETTINGS)
    files = {
        "openvino": emit(network, plans["cpu"], names, activations="uint8"),
        "onnxruntime": emit(network, plans["cpu"], names, activations="uint8", outputs=outputs),
        "tensorrt": emit(network, plans["tensorrt"], names, activations="int8"),
    }
    batch = next(iter(seen))
    expected = scores(network.model, batch)
    for name, model in files.items():
        onnx.checker.check_model(model, full_check=True)
        assert sqnr_db(scores(model, batch), expected) > LEAST_DB, name
    _runs_in_integers(files["onnxruntime"], batch, len(names), tmp_path)


def _runs_in_integers(model: onnx.ModelProto, batch: np.ndarray, convs: int, folder: Path) -> None:
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["scores"], {"images": batch})
    kinds = [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]
    assert kinds.count("QLinearConv") == convs
    assert sqnr_db(found, scores(model, batch)) > LEAST_DB


def test_activations_of_students_are_recognised(tmp_path: Path) -> None:
    swish = exported("mobilenet_v3_small", "hardswish", tmp_path)
    kinds = [layer.activation for layer in swish.layers]
    assert kinds.count("hardswish") > 20
    gates = [layer for layer in swish.layers if ".fc" in layer.name]
    assert {layer.activation for layer in gates} == {"relu", "identity"}
    assert len([layer for layer in swish.layers if layer.final]) == 9
