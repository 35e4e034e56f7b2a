from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from made_shapes import small_network
from onnx import TensorProto, helper, numpy_helper

from edgecv.errors import ModelError
from edgecv.models.graph import conv_macs
from edgecv.pruning.convs import Conv, names_of, read_convs
from edgecv.pruning.exported import export


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    return export(small_network(), 64, tmp_path_factory.mktemp("graph") / "model.onnx")


def one_conv(
    shape: tuple[int, ...], weight: tuple[int, ...], then: str | None = None, **attributes: object
) -> onnx.ModelProto:
    import numpy as np

    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], "conv", **attributes)]
    if then is not None:
        nodes.append(helper.make_node(then, ["c"], ["y"], "act"))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "one",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y" if then else "c", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros(weight, np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_multiply_accumulates_are_those_of_the_graph(graph: onnx.ModelProto) -> None:
    convs = read_convs(graph)
    assert {n: c.macs(c.inputs, c.outputs) for n, c in convs.items()} == conv_macs(graph)
    assert len(convs) == 113


def test_names_are_those_of_the_modules(graph: onnx.ModelProto) -> None:
    modules = {name for name, _ in small_network().named_modules()}
    assert {*read_convs(graph)} <= modules


def test_a_conv_is_described_by_what_decides_its_cost(graph: onnx.ModelProto) -> None:
    found = read_convs(graph)["backbone.backbone.dark2.0.dconv.conv"]
    pads = (1, 1, 1, 1)
    assert found == Conv(8, 8, True, (3, 3), (2, 2), pads, 32, 32, "Silu")
    assert found.out_hw == (16, 16)
    assert found.macs(4, 4) == 16 * 16 * 9 * 4
    assert read_convs(graph)["head.cls_preds.2"].activation == ""


@pytest.mark.parametrize("then", ["Relu", "HardSwish"])
def test_the_activation_is_what_follows(then: str) -> None:
    model = one_conv((1, 4, 8, 8), (6, 4, 1, 1), then)
    assert read_convs(model)["conv"].activation == then


@pytest.mark.parametrize(
    ("shape", "weight", "attributes"),
    [
        ((1, 4, 8, 8), (6, 2, 1, 1), {"group": 2}),
        ((1, 4, 8, 8), (6, 4, 3, 3), {"dilations": [2, 2]}),
        ((1, 4, 0, 0), (6, 4, 1, 1), {}),
    ],
    ids=["groups", "dilated", "open size"],
)
def test_other_convs_are_refused(
    shape: tuple[int, ...], weight: tuple[int, ...], attributes: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match=r"conv: .*plain and depthwise convs of a fixed size"):
        read_convs(one_conv(shape, weight, **attributes))


def test_an_engine_may_call_a_conv_by_what_follows_it_alone(graph: onnx.ModelProto) -> None:
    assert names_of(one_conv((1, 4, 8, 8), (6, 4, 1, 1), "Relu"))["conv"] == ("conv", "act")
    # two nodes read what the SiLU of a YOLOX reads
    name = "backbone.backbone.stem.conv.conv"
    assert names_of(graph)[name] == (name,)


def test_a_graph_without_convs_has_none() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "none", [value], [out]))
    assert read_convs(model) == names_of(model) == {}


def test_the_file_is_what_was_returned(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert export(small_network(), 64, path) == onnx.load(path)
