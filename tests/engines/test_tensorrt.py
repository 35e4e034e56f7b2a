from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from small_bundles import answer_of, picture_batch, small_bundle, small_graph

from edgecv.bundle import Bundle, Variant
from edgecv.engines import Built, open_engine, tensorrt
from edgecv.engines.tensorrt.acceptance import CAPABILITIES, accept, verdict_of
from edgecv.engines.tensorrt.options import FLOAT32_FILE, HALF_FILES, PlanOptions
from edgecv.errors import BundleError, EngineError, UsageError, pip_line
from edgecv.quantization.half_graph import to_half
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


@pytest.fixture
def halved(bundle: Bundle) -> Bundle:
    """With the files in 16 bits that the quantize stage writes."""
    for precision, source in (("int8", "onnx/tensorrt-int8.onnx"), ("fp16", "model.onnx")):
        model = to_half(onnx.load(bundle.path(source)), ())
        onnx.save(model, bundle.path(HALF_FILES[precision]))
    bundle.write_json(FLOAT32_FILE, {"int8": [], "fp16": ["sigmoid"]})
    bundle.save()
    return bundle


@pytest.mark.parametrize("batch", [1, None])
def test_the_file_in_16_bits_is_accepted_too(tmp_path: Path, batch: int | None) -> None:
    pytest.importorskip("tensorrt_rtx")
    for quantised in (None, "int8"):
        onnx.save(to_half(small_graph(batch, quantised), ()), tmp_path / "a.onnx")
        verdict = verdict_of(tmp_path / "a.onnx")
        assert verdict["accepted"] is True, verdict
        assert verdict["capabilities"] == ["SM80", "SM86", "SM89", "SM120"]


@pytest.mark.usefixtures("no_gpu")
def test_both_files_of_int8_get_a_verdict_and_fp16_is_a_variant_of_its_own(
    halved: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def accept(source: Path) -> dict[str, str]:
        asked.append(source.name)
        return {"of": source.name}

    monkeypatch.setattr("edgecv.engines.tensorrt.acceptance.accept", accept)
    int8 = build_variant(halved, "tensorrt", "int8")
    assert asked == ["tensorrt-int8.onnx", "tensorrt-int8-fp16.onnx"]
    assert int8.details["acceptance_half"] == {"of": "tensorrt-int8-fp16.onnx"}
    fp16 = build_variant(halved, "tensorrt", "fp16")
    assert asked[2:] == ["tensorrt-fp16.onnx"]
    assert (fp16.file, fp16.precision) == ("engines/tensorrt-fp16.onnx", "fp16")
    assert "acceptance_half" not in fp16.details
    with open_engine(halved, fp16) as engine:
        for found, expected in zip(
            engine.infer(picture_batch()), answer_of(picture_batch()), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_nothing_that_is_for_a_plan_can_be_asked(
    bundle: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"--workspace 512: .*no NVIDIA GPU here"):
        build_variant(bundle, "tensorrt", "int8", plan=PlanOptions(workspace_mb=512))
    with pytest.raises(UsageError, match=r"--timing-cache .*/a: .*no NVIDIA GPU here"):
        build_variant(bundle, "tensorrt", "int8", plan=PlanOptions(timing_cache=tmp_path / "a"))
    with pytest.raises(EngineError, match=r"no file in 16 bits.*section quantize"):
        build_variant(bundle, "tensorrt", "fp16")


def test_a_plan_is_built_with_the_files_that_the_bundle_has_for_it(
    halved: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[PlanOptions] = []

    def build_plan(source: Path, folder: Path, name: str, options: PlanOptions) -> Built:
        found.append(options)
        (folder / f"{name}.0.plan").write_bytes(b"plan")
        return Built(f"{name}.0.plan", {}, {"gpu": "one"})

    monkeypatch.setattr("edgecv.engines.tensorrt.why_not_here", lambda: None)
    monkeypatch.setattr("edgecv.engines.tensorrt.plan.build_plan", build_plan)
    variant = build_variant(halved, "tensorrt", "fp16", plan=PlanOptions(dla=1))
    half = halved.path(HALF_FILES["fp16"])
    assert found == [PlanOptions("fp16", half=half, float32=("sigmoid",), dla=1)]
    assert (variant.file, variant.requires) == ("engines/tensorrt-fp16.0.plan", {"gpu": "one"})
    half.write_bytes(b"changed")
    with pytest.raises(BundleError, match=r"tensorrt-fp16\.onnx: not the file of the manifest"):
        build_variant(halved, "tensorrt", "fp16")


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


@pytest.mark.parametrize(("present", "lacking"), [((), "TensorRT"), (("tensorrt",), "cuda-python")])
def test_a_gpu_without_tensorrt_is_told_what_is_missing_and_the_pip_line(
    monkeypatch: pytest.MonkeyPatch, present: tuple[str, ...], lacking: str
) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: True)
    monkeypatch.setattr("edgecv.engines.tensorrt.importable", present.__contains__)
    monkeypatch.setattr("edgecv.engines.tensorrt.cuda_visible", lambda: False)
    assert tensorrt.why_not_here() == (f"an NVIDIA GPU, but no {lacking}: {pip_line('tensorrt')}")


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
