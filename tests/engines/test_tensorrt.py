from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from small_bundles import answer_of, picture_batch, small_bundle, small_graph

from edgecv.bundle import Bundle, Variant
from edgecv.engines import open_engine, tensorrt
from edgecv.engines.tensorrt.acceptance import CAPABILITIES, accept, verdict_of
from edgecv.engines.tensorrt.network import by_message
from edgecv.errors import EngineError
from edgecv.stages.build import build_variant


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: False)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return small_bundle(tmp_path / "bundle", int8=("tensorrt",))


@pytest.mark.parametrize("batch", [1, 4, None])
@pytest.mark.parametrize("quantised", [None, "int8"])
def test_a_graph_of_the_contract_is_accepted(
    tmp_path: Path, batch: int | None, quantised: str | None
) -> None:
    pytest.importorskip("tensorrt_rtx")
    onnx.save(small_graph(batch, quantised), tmp_path / "a.onnx")
    verdict = verdict_of(tmp_path / "a.onnx")
    assert verdict["accepted"] is True, verdict
    assert verdict["errors"] == []
    assert verdict["layers"] > 5
    assert verdict["capabilities"] == list(CAPABILITIES)


def test_an_asymmetric_quantisation_is_refused_by_its_node(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    onnx.save(small_graph(quantised="uint8"), tmp_path / "a.onnx")
    verdict = accept(tmp_path / "a.onnx")
    assert verdict["accepted"] is False
    assert [(error["node"], error["op"]) for error in verdict["errors"]] == [
        ("conv_q", "QuantizeLinear")
    ]
    assert "zero point" in verdict["errors"][0]["reason"]


def test_an_unknown_operator_is_refused_by_its_node(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    model = small_graph()
    model.graph.node[-1].op_type = "Frobnicate"
    onnx.save(model, tmp_path / "a.onnx")
    (error,) = verdict_of(tmp_path / "a.onnx")["errors"]
    assert (error["node"], error["op"]) == ("sigmoid", "Frobnicate")


@pytest.mark.parametrize("content", [b"", b"not a graph", None], ids=["empty", "garbage", "none"])
def test_a_broken_file_is_refused_as_a_whole(tmp_path: Path, content: bytes | None) -> None:
    pytest.importorskip("tensorrt_rtx")
    if content is not None:
        (tmp_path / "a.onnx").write_bytes(content)
    verdict = verdict_of(tmp_path / "a.onnx")
    assert verdict["accepted"] is False
    assert verdict["errors"]


def test_without_its_package_there_is_no_verdict_but_a_pip_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.acceptance.find_spec", lambda name: None)
    verdict = accept(tmp_path / "a.onnx")
    assert verdict["accepted"] is None
    assert "pip install tensorrt-rtx" in verdict["reason"]


def test_a_builder_that_never_ends_gives_no_verdict(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    onnx.save(small_graph(), tmp_path / "a.onnx")
    verdict = accept(tmp_path / "a.onnx", timeout_s=0.01)
    assert verdict["accepted"] is None
    assert "no answer in 0.01 s" in verdict["reason"]


@pytest.mark.parametrize(
    ("message", "node"),
    [
        ("Could not find any implementation for node stem.conv + silu.", "stem.conv"),
        ("In node 12 with name: x and operator: Resize", "12"),
        ("Network has dynamic inputs", ""),
    ],
)
def test_a_node_is_found_in_a_log_message(message: str, node: str) -> None:
    assert by_message(message) == {"node": node, "op": "", "reason": message}


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_file_shows_its_numerics_and_says_so_once(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    tensorrt._say_once.cache_clear()
    variant = build_variant(bundle, "tensorrt", "int8")
    assert variant.file == "engines/tensorrt-int8.onnx"
    assert variant.details["numerics"] == "onnxruntime"
    assert variant.details["acceptance"]["accepted"] in (True, None)
    for _ in range(2):
        with open_engine(bundle, variant) as engine:
            assert engine.name == "tensorrt (numerics by onnxruntime)"
            for found, expected in zip(
                engine.infer(picture_batch()), answer_of(picture_batch()), strict=True
            ):
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("no NVIDIA GPU here: the TensorRT file runs through ONNX Runtime") == 1
    assert "its speed means nothing" in told


@pytest.mark.usefixtures("no_gpu")
def test_a_plan_is_not_opened_without_a_gpu(bundle: Bundle) -> None:
    bundle.path("engines").mkdir()
    bundle.path("engines/tensorrt-int8.plan").write_bytes(b"plan")
    bundle.save()
    variant = Variant(
        name="tensorrt-int8", engine="tensorrt", precision="int8", file="engines/tensorrt-int8.plan"
    )
    with pytest.raises(EngineError, match=r"no NVIDIA GPU here.*edgecv build"):
        open_engine(bundle, variant)


def test_a_plan_that_the_manifest_does_not_hold_is_never_loaded(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.why_not_here", lambda: None)
    bundle.path("engines").mkdir()
    bundle.path("engines/tensorrt-int8.plan").write_bytes(b"plan")
    variant = Variant(
        name="tensorrt-int8", engine="tensorrt", precision="int8", file="engines/tensorrt-int8.plan"
    )
    with pytest.raises(EngineError, match="not in the manifest, so it is not loaded"):
        open_engine(bundle, variant)


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_asks_for_a_plan_instead_of_numerics(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.acceptance.accept", lambda source: {})
    variant = build_variant(bundle, "tensorrt", "int8")
    monkeypatch.setattr("edgecv.engines.tensorrt.why_not_here", lambda: None)
    with pytest.raises(EngineError, match=r"no plan for this GPU yet.*--engine tensorrt"):
        open_engine(bundle, variant)


def test_a_gpu_without_tensorrt_is_told_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: True)
    monkeypatch.setattr("edgecv.engines.tensorrt.find_spec", lambda name: None)
    assert "pip install 'edgecv[tensorrt]'" in str(tensorrt.why_not_here())


@pytest.mark.gpu
def test_a_plan_answers_as_numpy_does(bundle: Bundle) -> None:
    if tensorrt.why_not_here() is not None:
        pytest.skip(str(tensorrt.why_not_here()))
    variant = build_variant(bundle, "tensorrt", "int8")
    bundle.save()
    with open_engine(bundle, variant, requests=2) as engine:
        for found, expected in zip(
            engine.infer(picture_batch()), answer_of(picture_batch()), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2)
