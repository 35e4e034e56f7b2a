from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecv.engines._openvino_stem import merge_corners

ov = pytest.importorskip("openvino")

# of the channels: row and column of each four
YOLOX = ((0, 0), (1, 0), (0, 1), (1, 1))
ROW_BY_ROW = ((0, 0), (0, 1), (1, 0), (1, 1))
SIDE, MADE = 16, 8


def graph(
    corners: Sequence[tuple[int, int]] = YOLOX,
    *,
    batch: int | str = 1,
    kernel: int = 3,
    one_by_one: bool = False,
    weight: np.ndarray | None = None,
    read_twice: bool = False,
    stop: int = SIDE,
    dilation: int = 1,
    side: int | str = SIDE,
) -> Any:
    """Corners of a picture side by side, then a conv.

    Args:
        corners: where every second row and column begins, in the order of the channels.
        batch: pictures a call, or a name.
        kernel: of the conv.
        one_by_one: rows are sliced first, then columns.
        weight: (MADE, 12, kernel, kernel) int8 behind Q/DQ; None: float.
        read_twice: something else reads the corners too.
        stop: where slices end.
        dilation: of the conv.
        side: of the picture, or a name.
    """
    random = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(constants)}"))
        return constants[-1].name

    def add(kind: str, *inputs: str, output: str = "", **how: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output or f"t{len(nodes)}"], **how))
        return str(nodes[-1].output[0])

    def sliced(source: str, starts: Sequence[int], axes: Sequence[int]) -> str:
        bounds = (starts, [stop] * len(axes), axes, [2] * len(axes))
        return add("Slice", source, *(constant(np.array(values)) for values in bounds))

    def corner(row: int, column: int) -> str:
        if one_by_one:
            return sliced(sliced("x", [row], [2]), [column], [-1])
        return sliced("x", [row, column], [2, 3])

    fed = joined = add("Concat", *(corner(*place) for place in corners), axis=1)
    if weight is None:
        values = random.standard_normal((MADE, 12, kernel, kernel)).astype(np.float32)
        weights = constant(values)
    else:
        pair = constant(np.float32(0.5)), constant(np.uint8(3))
        fed = add("DequantizeLinear", add("QuantizeLinear", joined, *pair), *pair)
        scale = constant(random.uniform(0.01, 0.02, MADE).astype(np.float32))
        zeros = constant(np.zeros(MADE, np.int8))
        weights = add("DequantizeLinear", constant(weight), scale, zeros, axis=0)
    edge = dilation * (kernel - 1) // 2
    how = {"kernel_shape": [kernel] * 2, "pads": [edge] * 4, "dilations": [dilation] * 2}
    add("Conv", fed, weights, output="y", **how)
    outputs = ["y"]
    if read_twice:
        outputs.append(add("Relu", joined))
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "corners",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, side, side])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return ov.Core().read_model(model.SerializeToString())


def loose() -> np.ndarray:
    """Weights of 8 bits, as for CPUs with VNNI."""
    return np.random.default_rng(1).integers(-127, 128, (MADE, 12, 3, 3)).astype(np.int8)


def kinds(model: Any) -> Counter[str]:
    return Counter(node.get_type_name() for node in model.get_ordered_ops())


def answer(model: Any, pictures: np.ndarray) -> np.ndarray:
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return np.asarray(ov.Core().compile_model(model, "CPU", settings)(pictures)[0])


def pictures(batch: int = 1) -> np.ndarray:
    values = np.random.default_rng(2).uniform(0, 100, (batch, 3, SIDE, SIDE))
    return np.asarray(values, np.float32)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"corners": ROW_BY_ROW},
        {"one_by_one": True},
        {"batch": "n"},
        {"kernel": 1},
        {"kernel": 5, "stop": np.iinfo(np.int64).max},
        {"weight": loose()},
    ],
    ids=["YOLOX", "row by row", "one by one", "dynamic", "1x1", "5x5", "INT8"],
)
def test_a_conv_on_corners_reads_the_pixels_themselves(how: dict[str, Any]) -> None:
    before, after = graph(**how), graph(**how)
    merge_corners(ov, after)
    assert {"Slice", "Concat"} & {*kinds(before)} == {"Slice", "Concat"}
    assert not {"Slice", "Concat"} & {*kinds(after)}
    seen = pictures(2 if "batch" in how else 1)
    expected = answer(before, seen)
    np.testing.assert_allclose(
        answer(after, seen), expected, rtol=0, atol=2e-6 * np.abs(expected).max()
    )


@pytest.mark.parametrize(
    "how",
    [
        {"corners": ((0, 0), (0, 0), (0, 1), (1, 1))},
        {"read_twice": True},
        {"stop": SIDE - 2},
        {"dilation": 2},
        # bounded by pairs of channels: exact on a CPU without VNNI as they stand, and only so
        {"weight": loose() // 2},
        {"side": "n"},
    ],
    ids=[
        "a corner twice",
        "read twice",
        "not all rows",
        "dilated",
        "INT8 of plain x86",
        "any side",
    ],
)
def test_what_is_something_else_stays_as_it_is(how: dict[str, Any]) -> None:
    before, after = graph(**how), graph(**how)
    merge_corners(ov, after)
    assert kinds(after) == kinds(before)
    np.testing.assert_array_equal(answer(after, pictures()), answer(before, pictures()))


def test_slices_without_axes_are_no_reason_to_fail() -> None:
    nodes = [
        helper.make_node("Slice", ["x", "from", "to"], ["part"]),
        helper.make_node("Concat", ["part"] * 4, ["joined"], axis=1),
        helper.make_node("Conv", ["joined", "w"], ["y"]),
    ]
    constants = {
        "from": np.zeros(4, np.int64),
        "to": np.full(4, SIDE),
        "w": np.ones((1, 12, 1, 1), np.float32),
    }
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "slices",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    before, after = (ov.Core().read_model(model.SerializeToString()) for _ in range(2))
    merge_corners(ov, after)
    assert kinds(after) == kinds(before)
