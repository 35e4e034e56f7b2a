from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_bundles import answer_of, picture_batch, small_bundle, small_graph

from edgecv.engines import build_engine, open_engine
from edgecv.errors import EngineError
from edgecv.stages.build import build_variant


def test_float_stays_float32_on_a_cpu_with_bfloat16(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    bundle = small_bundle(tmp_path / "bundle")
    onnx.save(small_graph(weights=weights), bundle.path("model.onnx"))
    bundle.save()
    batch = picture_batch()
    expected = batch[:, ::8, ::8].reshape(1, 16, 3).astype(np.float64) @ weights[:4].T
    with open_engine(bundle, build_variant(bundle, "openvino", "fp32")) as engine:
        # bfloat16 has 8 bits: it would be off by 1e-3
        np.testing.assert_allclose(engine.infer(batch)[0], expected, rtol=1e-5, atol=1e-3)


def test_the_ir_is_two_files_with_float32_weights(tmp_path: Path) -> None:
    onnx.save(small_graph(), tmp_path / "model.onnx")
    built = build_engine("openvino", tmp_path / "model.onnx", tmp_path, "openvino-fp32")
    assert built.file == "openvino-fp32.xml"
    assert {path.suffix for path in tmp_path.glob("openvino-fp32.*")} == {".xml", ".bin"}
    assert 'element_type="f16"' not in (tmp_path / built.file).read_text("utf-8")


@pytest.mark.parametrize("content", [b"", b"not a graph"], ids=["empty", "garbage"])
def test_a_broken_graph_is_refused_in_one_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(EngineError, match=r"model\.onnx: OpenVINO cannot convert it: \w+"):
        build_engine("openvino", tmp_path / "model.onnx", tmp_path, "x")


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    model = small_graph()
    model.graph.node[-1].op_type = "Frobnicate"
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(EngineError, match="Frobnicate"):
        build_engine("openvino", tmp_path / "model.onnx", tmp_path, "x")


def test_a_damaged_ir_says_how_to_build_it(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, "openvino", "fp32")
    bundle.path(variant.file).write_text("<xml", "utf-8")
    with pytest.raises(EngineError, match=r"OpenVINO cannot open it.*edgecv build"):
        open_engine(bundle, variant)


def test_throughput_answers_every_request(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, "openvino", "fp32")
    with open_engine(bundle, variant, threads=2, requests=4) as engine:
        futures = [engine.submit(picture_batch(seed=seed)) for seed in range(40)]
        for seed, future in enumerate(futures):
            expected = answer_of(picture_batch(seed=seed))[0]
            np.testing.assert_allclose(future.result(30)[0], expected, rtol=1e-6)


def test_what_was_compiled_of_another_network_is_not_taken(tmp_path: Path) -> None:
    """Though path, size and time of the graph are the same, and its weights alone are others."""
    cache, batch = tmp_path / "cache", picture_batch()
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, "openvino", "fp32")
    bundle.save()
    with open_engine(bundle, variant, cache=cache) as engine:
        first = engine.infer(batch)
    graph, weights = (bundle.path(name) for name in variant.files)
    then = graph.stat()
    content = np.frombuffer(weights.read_bytes(), np.uint8).copy()
    values = content[: content.size // 4 * 4].view(np.float32)
    values[(np.abs(values) > 1e-4) & (np.abs(values) < 100)] *= 0.5  # integers are none of these
    weights.write_bytes(content.tobytes())
    os.utime(graph, ns=(then.st_atime_ns, then.st_mtime_ns))
    bundle.save()
    with open_engine(bundle, variant) as engine:
        expected = engine.infer(batch)
    with open_engine(bundle, variant, cache=cache) as engine:
        found = engine.infer(batch)
    assert not np.array_equal(first[1], found[1])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("damage", [None, b"", b"garbage"], ids=["whole", "empty", "garbage"])
def test_what_was_compiled_is_kept_and_a_damaged_one_is_made_again(
    tmp_path: Path, damage: bytes | None
) -> None:
    bundle, cache = small_bundle(tmp_path / "bundle"), tmp_path / "cache"
    variant, batch = build_variant(bundle, "openvino", "fp32"), picture_batch()
    bundle.save()
    for _ in range(2):
        with open_engine(bundle, variant, requests=2, cache=cache) as engine:
            np.testing.assert_allclose(engine.infer(batch)[0], answer_of(batch)[0], rtol=1e-5)
        (kept,) = cache.rglob("*.blob")
        if damage is not None:
            kept.chmod(0o644)
            kept.write_bytes(damage)
