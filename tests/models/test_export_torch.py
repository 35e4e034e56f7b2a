from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import openvino
import pytest
import torch

from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.deploy import Deployed
from edgecv.models.export_torch import WRAPPER, export_onnx, infer_torch
from edgecv.models.graph import conv_macs
from edgecv.models.onnx_surgery import Batch
from edgecv.models.onnx_write import write_graph
from edgecv.models.yolox import Yolox, YoloxConfig
from edgecv.models.yolox_weights import yolox_from_state

GraphOf = Callable[..., Path]
SMALL = YoloxConfig(channels=8, blocks=1, depthwise=True, classes=3)


@pytest.fixture(scope="module")
def network() -> Deployed:
    torch.manual_seed(0)
    return Deployed(Yolox(SMALL).eval(), 64, 96)


@pytest.fixture(scope="module")
def graph_of(network: Deployed, tmp_path_factory: pytest.TempPathFactory) -> GraphOf:
    """The written graph of a batch and opset, exported once for all tests."""

    @functools.cache
    def write(batch: Batch, opset: int = 17) -> Path:
        path = tmp_path_factory.mktemp("graph") / "m.onnx"
        graph = export_onnx(network, 64, 96, batch, opset)
        write_graph(graph, path, simplify=True, drop_prefix=WRAPPER)
        return path

    return write


@pytest.mark.parametrize(
    ("batch", "opset", "counts"), [(1, 17, (1,)), (2, 18, (2,)), ("dynamic", 17, (1, 3))]
)
def test_the_graph_answers_as_torch(
    network: Deployed, graph_of: GraphOf, batch: Batch, opset: int, counts: tuple[int, ...]
) -> None:
    path = graph_of(batch, opset)
    model = onnx.load(path)
    assert [entry.version for entry in model.opset_import] == [opset]
    session = ort.InferenceSession(path)
    (taken,) = session.get_inputs()
    size = "batch" if batch == "dynamic" else batch
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(uint8)", [size, 64, 96, 3])
    for count in counts:
        images = np.random.default_rng(0).integers(0, 256, (count, 64, 96, 3), np.uint8)
        boxes, scores = session.run(["boxes", "scores"], {"images": images})
        expected = infer_torch(network)(images)
        assert (boxes.shape, scores.shape) == ((count, 126, 4), (count, 126, 3))
        np.testing.assert_allclose(boxes, expected[0], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(scores, expected[1], atol=1e-5)


def test_the_graph_of_the_official_weights_is_lean_and_named(shared: Path, tmp_path: Path) -> None:
    state = read_checkpoint(shared / "data" / "weights" / "yolox_nano.pth")
    network = Deployed(yolox_from_state(state, "nano"), 416, 416)
    graph = export_onnx(network, 416, 416, 1, 17)
    model = write_graph(graph, tmp_path / "m.onnx", simplify=True, drop_prefix=WRAPPER)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["Conv"] == sum(len(value.shape) == 4 for value in state.values())
    assert set(kinds) == {
        *("Cast", "Transpose", "Slice", "Concat", "Conv", "Sigmoid", "Mul", "Add", "MaxPool"),
        *("Resize", "Reshape", "Exp", "Sub"),
    }
    convs = {key.removesuffix(".weight") for key, value in state.items() if value.ndim == 4}
    macs = conv_macs(model)
    assert set(macs) == convs
    # the official figure of 1.08 GFLOPs counts a multiply-accumulate as two, and norms
    assert 2 * sum(macs.values()) / 1e9 == pytest.approx(1.08, rel=0.05)
    weights = [x.raw_data for x in model.graph.initializer if x.name.endswith(".weight")]
    assert len(set(weights)) == len(weights) == len(convs)


def test_every_name_is_there_once(graph_of: GraphOf) -> None:
    graph = onnx.load(graph_of(1)).graph
    names = [node.name for node in graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    assert names[0] == "input.Cast"
    assert not any("/" in name or "onnx::" in name for name in names)


def test_the_same_network_gives_the_same_bytes(
    network: Deployed, graph_of: GraphOf, tmp_path: Path
) -> None:
    graph = export_onnx(network, 64, 96, 1, 17)
    write_graph(graph, tmp_path / "again.onnx", simplify=True, drop_prefix=WRAPPER)
    assert (tmp_path / "again.onnx").read_bytes() == graph_of(1).read_bytes()


@pytest.mark.parametrize("batch", [1, "dynamic"])
def test_openvino_answers_as_torch(network: Deployed, graph_of: GraphOf, batch: Batch) -> None:
    core = openvino.Core()
    model = core.read_model(graph_of(batch))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), np.uint8)
    found, expected = compiled({"images": images}), infer_torch(network)(images)
    np.testing.assert_allclose(found["boxes"], expected[0], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found["scores"], expected[1], atol=1e-5)


@pytest.mark.parametrize("batch", [1, "dynamic"])
def test_the_parser_of_tensorrt_takes_every_node(graph_of: GraphOf, batch: Batch) -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="no wheel for this CPU")
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    # the parser does not keep the definition alive
    definition = builder.create_network(0)
    parser = trt.OnnxParser(definition, logger)
    accepted = parser.parse(graph_of(batch).read_bytes())
    assert [parser.get_error(i).desc() for i in range(parser.num_errors)] == []
    assert accepted
    assert definition.num_outputs == 2
