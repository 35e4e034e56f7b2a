from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecv.errors import ModelError
from edgecv.models.graph import conv_macs, parameter_count


def conv_graph(size: int | str = 8, batch: int | str = 1, nodes: int = 2) -> onnx.ModelProto:
    """A 3x3 conv of stride 2 from 4 to 6 channels, then a depthwise 3x3."""
    weights = [
        numpy_helper.from_array(np.ones((6, 4, 3, 3), np.float32), "w0"),
        numpy_helper.from_array(np.ones(6, np.float32), "b0"),
        numpy_helper.from_array(np.ones((6, 1, 3, 3), np.float32), "w1"),
    ]
    convs = [
        helper.make_node(
            "Conv", ["x", "w0", "b0"], ["y"], "first", strides=[2, 2], pads=[1, 1, 1, 1]
        ),
        helper.make_node("Conv", ["y", "w1"], ["z"], "second", group=6, pads=[1, 1, 1, 1]),
    ][:nodes]
    names = ["x", "y", "z"]
    graph = helper.make_graph(
        [*convs, helper.make_node("Relu", [names[nodes]], ["out"], "last")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4, size, size])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


@pytest.mark.parametrize("batch", [1, 5, "batch"])
def test_macs_are_counted_by_conv_for_one_picture(batch: int | str) -> None:
    # 4 x 4 cells after the stride; 6 outputs over 4 inputs, then 6 over one each
    expected = {"first": 4 * 4 * 6 * 4 * 9, "second": 4 * 4 * 6 * 9}
    assert conv_macs(conv_graph(batch=batch)) == expected


def test_one_conv_and_none() -> None:
    assert conv_macs(conv_graph(nodes=1)) == {"first": 3456}
    assert conv_macs(conv_graph(nodes=0)) == {}


def test_an_open_size_is_refused_by_node() -> None:
    with pytest.raises(ModelError, match=r"first: .*load\.input_size"):
        conv_macs(conv_graph(size="side"))


def test_parameters_are_those_of_convs_that_are_used() -> None:
    assert parameter_count(conv_graph()) == 6 * 4 * 9 + 6 + 6 * 9
    assert parameter_count(conv_graph(nodes=1)) == 6 * 4 * 9 + 6
    assert parameter_count(conv_graph(nodes=0)) == 0


def test_shared_weights_count_once() -> None:
    model = conv_graph()
    model.graph.node.append(helper.make_node("Conv", ["z", "w1"], ["again"], "third", group=6))
    assert parameter_count(model) == 6 * 4 * 9 + 6 + 6 * 9
