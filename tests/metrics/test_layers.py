from __future__ import annotations

from pathlib import Path

import pytest
from small_bundles import small_bundle

from edgecv.bundle import Bundle, Variant
from edgecv.engines._layers import profile
from edgecv.errors import BundleError, EngineError, UsageError
from edgecv.machine import available_cores, read_cpu
from edgecv.metrics.layers import measure_layers, noise, read_layers, times_by_node
from edgecv.stages.build import build_variant


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return small_bundle(tmp_path / "bundle", int8=("openvino", "onnxruntime"))


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_conv_of_the_graph_is_found_among_the_layers(
    bundle: Bundle, engine: str, precision: str
) -> None:
    variant = build_variant(bundle, engine, precision)  # type: ignore[arg-type]
    table = measure_layers(bundle, variant, calls=3)
    assert (table.variant, table.engine) == (variant.name, engine)
    assert (table.cpu, table.cores) == (read_cpu().model, available_cores())
    assert table.whole_ms > 0
    assert table.layers_ms == pytest.approx(sum(layer.ms for layer in table.layers))
    # the addition behind the conv is fused into it, and gives it its name
    assert times_by_node(table)[{"openvino": "conv", "onnxruntime": "whole"}[engine]] > 0


def test_what_was_written_is_read_again(bundle: Bundle, tmp_path: Path) -> None:
    table = measure_layers(bundle, build_variant(bundle, "onnxruntime", "fp32"), calls=1)
    path = tmp_path / "layers.json"
    path.write_text(table.model_dump_json())
    assert read_layers(path, "onnxruntime") == table


def test_times_of_another_machine_or_engine_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    table = measure_layers(bundle, build_variant(bundle, "onnxruntime", "fp32"), calls=1)
    path = tmp_path / "layers.json"
    path.write_text(table.model_copy(update={"cpu": "Cortex-A78AE"}).model_dump_json())
    with pytest.raises(UsageError, match=r"measured on Cortex-A78AE .*whose layers take other"):
        read_layers(path, "onnxruntime")
    with pytest.raises(UsageError, match=r"of onnxruntime, expected openvino\. Measure here: "):
        read_layers(path, "openvino")
    with pytest.raises(UsageError, match="no such file"):
        read_layers(tmp_path / "none.json", "openvino")


def test_an_engine_without_times_of_layers_and_a_changed_file_are_refused(bundle: Bundle) -> None:
    null = Variant(name="null-fp32", engine="null", precision="fp32", file="")
    with pytest.raises(UsageError, match=r"no times of single layers from the engine 'null'"):
        measure_layers(bundle, null)
    variant = build_variant(bundle, "openvino", "fp32")
    bundle.save()
    bundle.path("engines/openvino-fp32.bin").write_bytes(b"")
    with pytest.raises(BundleError, match="not the file of the manifest"):
        measure_layers(bundle, variant)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, engine: str) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(EngineError, match=r"net\.onnx: .* cannot time it: "):
        profile(engine, path, {}, 1, 1)


def test_noise_has_the_shape_of_a_batch() -> None:
    assert noise(2, 3, 4).shape == (2, 3, 4, 3)
    assert (noise(1, 8, 8) == noise(1, 8, 8)).all()
