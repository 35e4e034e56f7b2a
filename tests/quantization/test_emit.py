"""The traps of INT8 on several engines, each as a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from networks import SIZE, network, pictures

from edgecv.bundle import OutputSpec
from edgecv.engines.tensorrt.acceptance import accept
from edgecv.quantization.emit import emit
from edgecv.quantization.execute import Runner
from edgecv.quantization.files import TARGETS, Files, calibrate
from edgecv.quantization.network import read_network
from edgecv.recipe import QuantizeSettings

Make = Callable[..., Files]
NOTHING: dict[str, list[str]] = {target: [] for target in TARGETS}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    folder = tmp_path_factory.mktemp("pictures")
    known: dict[Any, Files] = {}

    def made(
        activation: str = "silu",
        focus: bool = True,
        cpu: Any = "x86",
        unit: bool = True,
        pool: bool = False,
        **how: Any,
    ) -> Files:
        key = (activation, focus, cpu, unit, pool, tuple(how.items()))
        if key not in known:
            graph = read_network(network(activation, focus=focus, unit=unit, pool=pool))
            settings = QuantizeSettings(**how)
            known[key] = calibrate(graph, OutputSpec(), pictures(folder), settings, cpu)
        return known[key]

    return made


def weights_of(model: onnx.ModelProto) -> list[np.ndarray]:
    return [
        onnx.numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.name.endswith(".weight.int8")
    ]


def exact(model: onnx.ModelProto) -> np.ndarray:
    """Scores of one picture, as the nodes say."""
    return Runner(model, ["scores"])(batch())["scores"]


def batch() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (1, SIZE.height, SIZE.width, 3), np.uint8)


def sqnr_db(found: np.ndarray, expected: np.ndarray) -> float:
    noise = float(((found - expected) ** 2).sum())
    return float(10 * np.log10((expected**2).sum() / max(noise, 1e-12)))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_every_file_is_near_the_float_graph(make: Make, target: str, activation: str) -> None:
    files = make(activation)
    model = files.emission(target, ())
    onnx.checker.check_model(model, full_check=True)
    assert len(weights_of(model)) >= 3
    assert sqnr_db(exact(model), exact(files.network.model)) > 30


def test_no_two_weights_for_plain_x86_overflow_its_16_bit_sums(make: Make) -> None:
    for name, layer in make().asymmetric.items():
        integers = layer.integers.astype(int)
        assert 63 < np.abs(integers).max() <= 127
        if name != "depthwise":  # whose products are added in 32 bits
            assert np.abs(integers[:, 0::2] + integers[:, 1::2]).max() <= 128


def test_an_odd_number_of_channels_has_weights_of_seven_bits_on_plain_x86(make: Make) -> None:
    assert np.abs(make(focus=False).asymmetric["stem"].integers.astype(int)).max() <= 63


def test_seven_bits_can_be_had_everywhere(make: Make) -> None:
    for layer in make(weight_bits=7).asymmetric.values():
        assert np.abs(layer.integers.astype(int)).max() <= 63


def test_weights_for_vnni_and_for_tensorrt_have_eight_bits(make: Make) -> None:
    for target, files in (("openvino", make(cpu="x86-vnni")), ("tensorrt", make())):
        weights = weights_of(files.emission(target, ()))
        assert 63 < max(int(np.abs(one.astype(int)).max()) for one in weights) <= 127


def test_the_table_asks_for_vnni_only_where_the_weights_need_it(make: Make) -> None:
    assert make(cpu="x86").table(NOTHING).cpu == "any"
    assert make(cpu="x86-vnni").table(NOTHING).cpu == "x86-vnni"
    assert make(cpu="x86", weight_bits=8).table(NOTHING).cpu == "x86-vnni"
    assert make(cpu="x86-vnni", weight_bits=7).table(NOTHING).cpu == "any"
    assert make(cpu="arm").table(NOTHING).cpu == "x86-vnni"


def test_the_onnxruntime_file_runs_in_integers_and_answers_as_its_nodes_say(
    make: Make, tmp_path: Path
) -> None:
    for activation in ("silu", "relu"):
        files = make(activation)
        model = files.emission("onnxruntime", ())
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        options.log_severity_level = 3
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        (scores,) = session.run(["scores"], {"images": batch()})
        kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
        assert kinds.count("QLinearConv") == len(files.asymmetric) - len(files.sums)
        assert kinds.count("ConvInteger") == len(files.sums)
        assert sqnr_db(scores, exact(model)) > 35


@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_openvino_answers_as_the_nodes_say_also_behind_a_concat(
    make: Make, activation: str, tmp_path: Path
) -> None:
    import openvino

    model = make(activation).emission("openvino", ())
    onnx.save(model, tmp_path / "model.onnx")
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(tmp_path / "model.onnx", "CPU", hint)
    found = compiled({"images": batch()})[compiled.output("scores")]
    assert sqnr_db(found, exact(model)) > 35


def run_in_integers(model: onnx.ModelProto, file: Path, kind: str) -> list[bool]:
    """For each layer of that kind as OpenVINO compiles it."""
    import openvino

    onnx.save(model, file)
    compiled = openvino.Core().compile_model(file, "CPU")
    told = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    return [
        info["runtimePrecision"].astype(str) in ("u8", "i8")
        for info in told
        if info["layerType"].astype(str) == kind
    ]


@pytest.mark.parametrize("activation", ["silu", "relu"])
@pytest.mark.parametrize("stem", [{}, {"focus": False}, {"focus": False, "unit": False}])
def test_openvino_runs_in_integers_what_the_file_says(
    make: Make, activation: str, stem: dict[str, bool], tmp_path: Path
) -> None:
    files = make(activation, **stem)
    model = files.emission("openvino", ["pointwise"])
    convs = run_in_integers(model, tmp_path / "model.onnx", "Convolution")
    assert len(convs) == len(files.network.layers)
    assert sum(convs) == len(files.asymmetric) - 1  # all but the one that was given back


def test_a_max_pool_between_convs_is_computed_in_integers(make: Make, tmp_path: Path) -> None:
    files = make("relu", pool=True)
    model = files.emission("openvino", ())
    assert run_in_integers(model, tmp_path / "model.onnx", "Pooling") == [True]
    behind = emit(files.network, files.asymmetric, [*files.asymmetric], activations="uint8")
    assert np.array_equal(exact(model), exact(behind))


def test_a_max_pool_in_front_of_a_float_conv_stays_in_float(make: Make, tmp_path: Path) -> None:
    model = make("relu", pool=True).emission("openvino", ["pointwise"])
    assert run_in_integers(model, tmp_path / "model.onnx", "Pooling") == [False]


def zero_points(model: onnx.ModelProto) -> list[np.ndarray]:
    values = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    return [values[node.input[2]] for node in model.graph.node if node.op_type == "QuantizeLinear"]


def test_the_tensorrt_file_has_int8_and_zero_point_zero_only(make: Make) -> None:
    found = zero_points(make().emission("tensorrt", ()))
    assert found
    assert all(point.dtype == np.int8 and point == 0 for point in found)


def test_cpu_files_have_uint8_activations_and_those_for_arm_int8(make: Make) -> None:
    assert {p.dtype.name for p in zero_points(make().emission("openvino", ()))} == {"uint8"}
    assert {p.dtype.name for p in zero_points(make(cpu="arm").emission("openvino", ()))} == {"int8"}


def test_int8_and_uint8_are_the_same_numbers(make: Make) -> None:
    unsigned = make(cpu="x86-vnni").emission("openvino", ())
    signed = make(cpu="arm").emission("openvino", ())
    np.testing.assert_array_equal(exact(unsigned), exact(signed))


def test_biases_stay_float(make: Make) -> None:
    for target in TARGETS:
        model = make().emission(target, ())
        types = {t.name: t.data_type for t in model.graph.initializer}
        convs = [node for node in model.graph.node if node.op_type == "Conv"]
        assert all(types[node.input[2]] == onnx.TensorProto.FLOAT for node in convs)


def test_raw_pixels_pass_through_uint8_unchanged(make: Make) -> None:
    files = make()
    chosen = files.asymmetric["stem"].input
    pixels = np.arange(256, dtype=np.float32).reshape(1, -1)
    assert chosen.range.scale == 1
    np.testing.assert_array_equal(chosen.arrive(pixels), pixels)


def test_pixels_divided_by_255_pass_through_uint8_unchanged(make: Make) -> None:
    pixels = np.arange(256, dtype=np.float32).reshape(1, -1) / 255
    found = make(focus=False).asymmetric["stem"].input.arrive(pixels)
    np.testing.assert_allclose(found, pixels, atol=1e-6)


def test_no_pixel_is_clipped_in_the_tensorrt_file(make: Make) -> None:
    chosen = make().symmetric["stem"].input
    pixels = np.arange(256, dtype=np.float32).reshape(1, -1)
    np.testing.assert_array_equal(chosen.arrive(pixels), pixels)


def test_the_border_of_the_stem_is_black_before_128_is_taken_off(make: Make) -> None:
    files = make()
    model = files.alone("tensorrt", "stem")
    (conv,) = [node for node in model.graph.node if node.name == "stem"]
    assert not [item for item in conv.attribute if item.name == "pads"]
    found, wanted = (Runner(one, ["stem"])(batch())["stem"] for one in (model, files.network.model))
    edges = np.abs(found - wanted)[:, :, [0, -1]]
    assert edges.max() < 0.02 * np.abs(wanted).max()


def test_a_conv_of_three_channels_stays_float_in_the_tensorrt_file_only(make: Make) -> None:
    shallow, deep = make(focus=False), make()
    assert {target: shallow.kept_float(target, 0) for target in TARGETS} == {
        **NOTHING,
        "tensorrt": ["stem"],
    }
    assert {target: deep.kept_float(target, 0) for target in TARGETS} == NOTHING


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_behind_the_last_quantised_conv_is_quantised(make: Make, target: str) -> None:
    model = make().emission(target, ())
    after = {"boxes.conv", "logits.conv"}
    for node in model.graph.node:
        if node.name in after:
            assert not node.input[1].endswith(".DQ")
            after.update(node.output)
        elif after.intersection(node.input):
            assert node.op_type not in ("QuantizeLinear", "DequantizeLinear")
            after.update(node.output)
    assert "scores" in after


def test_a_depthwise_conv_behind_hot_channels_is_divided_and_loses_less(make: Make) -> None:
    with_, without = make(), make(equalize=False)
    assert with_.asymmetric["depthwise"].input.divisor is not None
    assert without.asymmetric["depthwise"].input.divisor is None
    assert with_.rankings["openvino"]["depthwise"] > without.rankings["openvino"]["depthwise"] + 6


def test_bias_correction_takes_the_mean_error_away(make: Make, tmp_path: Path) -> None:
    batches = list(pictures(tmp_path))  # those that it was calibrated on
    wanted = mean_of(make().network.model, batches)
    errors = [
        float(np.abs(mean_of(files.alone("openvino", "mixed"), batches) - wanted).mean())
        for files in (make(rounding="nearest"), make(rounding="nearest", bias_correction=False))
    ]
    assert errors[0] < 0.5 * errors[1]


def mean_of(model: onnx.ModelProto, batches: list[np.ndarray]) -> np.ndarray:
    run = Runner(model, ["mixed"])
    return np.mean([run(one)["mixed"].mean(axis=(0, 2, 3)) for one in batches], axis=0)


def test_tensorrt_accepts_its_file(make: Make, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="no acceptance build without tensorrt-rtx")
    onnx.save(make().emission("tensorrt", ()), tmp_path / "model.onnx")
    verdict = accept(tmp_path / "model.onnx")
    assert verdict["accepted"] is True, verdict


def test_no_file_holds_topk_or_nms(make: Make) -> None:
    for target in TARGETS:
        kinds = {node.op_type for node in make().emission(target, ()).graph.node}
        assert not kinds & {"TopK", "NonMaxSuppression"}


def test_convs_given_back_are_the_float_convs(make: Make) -> None:
    files = make()
    everything = ["stem", "depthwise", "pointwise", "mixed"]
    for target in TARGETS:
        model = files.emission(target, everything)
        assert weights_of(model) == []
        np.testing.assert_array_equal(exact(model), exact(files.network.model))


def test_the_table_lists_ranges_for_both_schemes_and_what_is_in_int8_where(make: Make) -> None:
    table = make().table({**NOTHING, "tensorrt": ["stem"]})
    assert set(table.asymmetric) == set(table.symmetric) == {*table.int8_in["openvino"]}
    assert all(row.input.low == -row.input.high for row in table.symmetric.values())
    assert set(table.int8_in["openvino"]) - set(table.int8_in["tensorrt"]) == {"stem"}


def test_a_symmetric_range_is_centred_where_the_conv_does_not_pad(make: Make) -> None:
    files = make(cpu="x86-vnni")
    point, mixed = (files.symmetric[name].input for name in ("pointwise", "mixed"))
    assert point.offset > 0
    assert mixed.offset == 0
    plain = files.asymmetric["pointwise"].input.range
    assert point.range.scale == pytest.approx(plain.scale, rel=0.1)


def test_an_offset_is_made_up_for_in_the_bias(make: Make) -> None:
    files = make()
    for name in ("pointwise", "mixed"):
        model = files.alone("tensorrt", name)
        found, wanted = (Runner(one, [name])(batch())[name] for one in (model, files.network.model))
        assert np.abs((found - wanted).mean(axis=(0, 2, 3))).max() < 0.02 * np.abs(wanted).max()
