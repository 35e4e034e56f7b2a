from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from networks import SIZE, network, pictures
from onnx import TensorProto, helper, numpy_helper

from edgecv.bundle import Bundle, Manifest, ModelSpec, OutputSpec, Variant
from edgecv.engines import open_engine
from edgecv.engines.tensorrt.acceptance import verdict_of
from edgecv.engines.tensorrt.options import FLOAT32_FILE, HALF_FILES
from edgecv.errors import ModelError
from edgecv.quantization.execute import Runner
from edgecv.quantization.files import calibrate
from edgecv.quantization.half import around_pairs, float32_nodes, float_tensors, peaks
from edgecv.quantization.half_files import write_half
from edgecv.quantization.half_graph import to_half
from edgecv.quantization.half_numerics import rounded
from edgecv.quantization.network import read_network
from edgecv.recipe import QuantizeSettings

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
DECODED = {"boxes.flat", "boxes", "logits.flat", "logits", "scores"}


def graph(
    nodes: list[onnx.NodeProto], constants: dict[str, Any], output: str = "y", opset: int = 17
) -> onnx.ModelProto:
    """Of one input `x`, (1, 2, 4, 4) float32."""
    weights = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    ]
    given = helper.make_tensor_value_info("x", FLOAT, [1, 2, 4, 4])
    result = helper.make_tensor_value_info(output, FLOAT, None)
    made = helper.make_graph(nodes, "g", [given], [result], weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def node(op: str, inputs: list[str], output: str, **how: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, [output], output, **how)


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    found = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    values = (*found.value_info, *found.input, *found.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def test_peaks_are_the_largest_magnitudes_of_what_nodes_compute(tmp_path: Path) -> None:
    model, shown = network(), pictures(tmp_path)
    found = peaks(model, shown)
    assert "images" not in found
    names = ["cast", "stem", "both", "boxes"]
    run = Runner(model, names)
    values = [run(batch) for batch in shown]
    for name in names:
        expected = max(float(np.abs(one[name]).max()) for one in values)
        assert found[name] == pytest.approx(expected)


def test_what_comes_after_the_last_conv_stays_in_float32() -> None:
    assert float32_nodes(network(), {}) == DECODED


def test_a_graph_without_work_stays_as_it_is() -> None:
    model = graph([node("Relu", ["x"], "y")], {})
    kept = float32_nodes(model, {})
    assert kept == {"y"}
    assert to_half(model, kept).graph.node == model.graph.node


def test_a_node_that_may_overflow_stays_in_float32_and_the_answer_finite() -> None:
    weights = np.full((2, 2, 1, 1), 100, np.float32)
    nodes = [
        node("Conv", ["x", "w"], "large"),
        node("Mul", ["large", "down"], "small"),
        node("Conv", ["small", "w"], "y"),
    ]
    model = graph(nodes, {"w": weights, "down": np.float32(1e-4)})
    x = np.full((1, 2, 4, 4), 500, np.float32)
    # 2 * 100 * 500 = 1e5, more than half precision holds
    kept = float32_nodes(model, {"large": 1e5, "small": 10, "y": 2e3})
    assert kept == {"large", "small"}
    expected = np.full((1, 2, 4, 4), 2 * 100 * 10, np.float32)
    for made in (to_half(model, kept), rounded(model, kept)):
        np.testing.assert_allclose(Runner(made, ["y"])(x)["y"], expected, rtol=2e-3)
    assert np.isinf(Runner(rounded(model, ()), ["y"])(x)["y"]).all()


def test_calibration_leaves_room_for_larger_values_to_come() -> None:
    model = network()
    assert float32_nodes(model, {"stem": 65504 / 8}) == DECODED
    # who writes it, and who reads it
    assert float32_nodes(model, {"stem": 65504 / 7}) == DECODED | {"stem", "stem.gate", "stem.act"}


def quantised(weight_scale: float) -> onnx.ModelProto:
    """A conv between Q/DQ, whose input another conv shares, and one in float behind them."""
    constants = {
        "s": np.float32(0.1), "z": np.int8(0), "w8": np.ones((2, 2, 1, 1), np.int8),
        "ws": np.array([weight_scale, 0.1], np.float32), "wz": np.zeros(2, np.int8),
        "w": np.ones((2, 2, 1, 1), np.float32),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("DequantizeLinear", ["q", "s", "z"], "dq"),
        node("DequantizeLinear", ["w8", "ws", "wz"], "wdq", axis=0),
        node("Conv", ["dq", "wdq"], "int8"),
        node("Conv", ["int8", "w"], "y"),
    ]
    return graph(nodes, constants)


def test_a_scale_that_half_precision_loses_keeps_its_whole_conv_in_float32() -> None:
    assert float32_nodes(quantised(0.1), {}) == set()
    model = quantised(1e-7)  # half precision has 6e-8 and 1.2e-7
    kept = float32_nodes(model, {})
    assert kept == {"q", "dq", "wdq", "int8"}
    types = types_of(to_half(model, kept))
    assert types["int8"] == FLOAT
    assert types["y"] == FLOAT  # of the graph; half inside
    assert types["y.half"] == HALF
    assert around_pairs(model, kept) == []
    assert around_pairs(model, {"y", "int8", "q"}) == ["y"]


def test_pairs_have_scales_of_16_bits_and_no_cast_inside() -> None:
    model = to_half(quantised(0.1), ())
    assert model.opset_import[0].version >= 19
    onnx.checker.check_model(model, full_check=True)
    types = types_of(model)
    assert [types[name] for name in ("dq", "wdq", "int8")] == [HALF] * 3
    assert types["q"] == TensorProto.INT8
    assert [one.op_type for one in model.graph.node].count("Cast") == 2  # in and out
    x = np.random.default_rng(0).normal(0, 3, (1, 2, 4, 4)).astype(np.float32)
    steps = np.clip(np.round(x / 0.1), -128, 127)
    expected = 2 * 0.1 * 0.1 * steps.sum(axis=1, keepdims=True)
    found = Runner(model, ["y"])(x)["y"]
    # a step more or less where the scale, rounded to 16 bits, falls on the other side
    np.testing.assert_allclose(found, np.repeat(expected, 2, axis=1), atol=0.06, rtol=2e-3)


def test_every_value_in_16_bits_is_rounded_and_no_other() -> None:
    weights = np.float32([[[[1.001]], [[0.3]]], [[[-2.7]], [[0.01]]]])
    nodes = [
        node("Conv", ["x", "w"], "c"),
        node("Mul", ["c", "k"], "m"),
        node("Conv", ["m", "w"], "y"),
    ]
    model = graph(nodes, {"w": weights, "k": np.float32(1 / 3)})
    x = np.random.default_rng(0).normal(0, 5, (1, 2, 4, 4)).astype(np.float32)

    def half(value: Any) -> Any:
        return np.float32(np.float16(value))

    def conv(value: Any, weight: Any) -> Any:
        return np.einsum("oi,bihw->bohw", weight[:, :, 0, 0], value)

    c = half(conv(half(x), half(weights)))
    in_half = half(conv(half(c * half(1 / 3)), half(weights)))
    with_float = half(conv(half(c * np.float32(1 / 3)), half(weights)))
    for kept, expected in (((), in_half), (("m",), with_float)):
        found = Runner(rounded(model, kept), ["y"])(x)["y"]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
        assert (found == expected).mean() > 0.9


def test_inputs_outputs_and_what_an_operator_wants_in_float32_keep_their_types() -> None:
    constants = {"w": np.ones((2, 2, 1, 1), np.float32), "scales": np.float32([1, 1, 2, 2])}
    nodes = [
        node("Conv", ["x", "w"], "c"),
        node("Resize", ["c", "", "scales"], "r", mode="nearest"),
        node("Add", ["r", "one"], "y"),
    ]
    model = to_half(graph(nodes, {**constants, "one": np.float32(1)}), ())
    types = types_of(model)
    assert (types["x"], types["c"], types["r"], types["y"]) == (FLOAT, HALF, HALF, FLOAT)
    (resize,) = [one for one in model.graph.node if one.op_type == "Resize"]
    assert list(resize.input) == ["c", "", "scales"]
    weights = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert weights == {"w.half": HALF, "scales": FLOAT, "one.half": HALF}
    x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    expected = np.repeat(x.sum(axis=1, keepdims=True), 2, axis=1).repeat(2, 2).repeat(2, 3) + 1
    np.testing.assert_array_equal(Runner(model, ["y"])(x)["y"], expected)


def test_a_constant_and_a_tensor_that_both_kinds_read_are_there_in_both_types_once() -> None:
    nodes = [
        node("Conv", ["x", "w"], "a"),
        node("Mul", ["a", "k"], "b"),
        node("Mul", ["a", "k"], "c"),
        node("Mul", ["a", "k"], "d"),
        node("Sum", ["b", "c", "d"], "y"),
    ]
    model = graph(nodes, {"w": np.ones((2, 2, 1, 1), np.float32), "k": np.float32(0.5)})
    made = to_half(model, {"c", "d", "y"})
    assert {one.name for one in made.graph.initializer} == {"w.half", "k", "k.half"}
    assert [one.output[0] for one in made.graph.node if one.op_type == "Cast"] == [
        "x.half",
        "a.float",
        "b.float",
    ]
    x = np.ones((1, 2, 4, 4), np.float32)
    np.testing.assert_array_equal(Runner(made, ["y"])(x)["y"], np.full((1, 2, 4, 4), 3))


def test_a_node_that_holds_a_graph_is_refused() -> None:
    inner = helper.make_graph(
        [node("Relu", ["x"], "z")], "i", [], [helper.make_tensor_value_info("z", FLOAT, None)]
    )
    branch = node("If", ["c"], "y", then_branch=inner, else_branch=inner)
    with pytest.raises(ModelError, match="y: holds a graph of its own"):
        to_half(graph([branch], {"c": np.array(True)}), ())


def test_float_tensors_are_those_that_nodes_write() -> None:
    assert float_tensors(quantised(0.1)) == ["dq", "wdq", "int8", "y"]


def test_the_quantised_network_in_16_bits_says_the_same_in_two_engines_and_is_accepted(
    tmp_path: Path,
) -> None:
    model, shown = network(), pictures(tmp_path / "pictures")
    folder = tmp_path / "bundle"
    (folder / "onnx").mkdir(parents=True)
    spec = ModelSpec(name="small", class_names=tuple("abcde"), input=SIZE)
    bundle = Bundle(folder, Manifest(spec=spec))
    settings = QuantizeSettings(rounding="nearest", images=8)
    files = calibrate(read_network(model), OutputSpec(), shown, settings, "x86-vnni")
    onnx.save(model, bundle.path("model.onnx"))
    onnx.save(files.emission("tensorrt", ()), bundle.path("onnx/tensorrt-int8.onnx"))
    told = write_half(bundle, shown, files.known)
    assert told["fp16"]["float32"] == len(DECODED)
    assert told["fp16"]["sqnr_db"] > 45  # 11 bits of mantissa; INT8 leaves half of that
    assert told["int8"]["sqnr_db"] > told["int8"]["float32_sqnr_db"] - 1
    assert set(json.loads(bundle.path(FLOAT32_FILE).read_text())["int8"]) == DECODED
    (batch, *_) = shown
    in_float32 = onnx.load(bundle.path("onnx/tensorrt-int8.onnx"))
    # against the same in float32: INT8 rounds a few values of 16 bits to the next step
    for precision, of, tolerance in (("fp16", model, 0.01), ("int8", in_float32, 0.02)):
        expected = Runner(of, ["boxes", "scores"])(batch)
        for engine in ("onnxruntime", "openvino"):
            variant = Variant(
                name=f"{engine}-half", engine=engine, precision="fp16", file=HALF_FILES[precision]
            )
            with open_engine(bundle, variant) as opened:
                boxes, scores = opened.infer(batch)
            side = np.abs(expected["boxes"]).max()
            np.testing.assert_allclose(boxes, expected["boxes"], atol=tolerance * side)
            np.testing.assert_allclose(scores, expected["scores"], atol=tolerance)
    pytest.importorskip("tensorrt_rtx")
    for name in HALF_FILES.values():
        assert verdict_of(bundle.path(name))["accepted"] is True
