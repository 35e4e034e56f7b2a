from __future__ import annotations

from pathlib import Path

import pytest
from small_bundles import small_bundle

from edgecv.bundle import MANIFEST, Bundle
from edgecv.engines import open_engine
from edgecv.errors import BundleError, EngineError
from edgecv.recipe import BuildSettings, Target
from edgecv.stages import Context
from edgecv.stages.build import build_variant, run, size_bytes, sources

ALL: tuple[Target, ...] = ("openvino", "onnxruntime", "tensorrt")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: False)


@pytest.fixture
def accepts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The acceptance build has tests of its own and takes half a second each time."""
    monkeypatch.setattr(
        "edgecv.engines.tensorrt.acceptance.accept", lambda source: {"accepted": True}
    )


@pytest.mark.usefixtures("accepts_all")
def test_every_target_gets_a_float_and_an_int8_variant(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle", int8=ALL)
    metrics = run(bundle, BuildSettings(targets=ALL), Context())
    assert {variant.name: variant.file for variant in bundle.manifest.variants} == {
        "openvino-fp32": "engines/openvino-fp32.xml",
        "openvino-int8": "engines/openvino-int8.xml",
        "onnxruntime-fp32": "model.onnx",
        "onnxruntime-int8": "engines/onnxruntime-int8.onnx",
        "tensorrt-fp32": "model.onnx",
        "tensorrt-int8": "engines/tensorrt-int8.onnx",
    }
    assert set(metrics["variants"]) == {variant.name for variant in bundle.manifest.variants}
    assert bundle.variant("tensorrt", "int8").details["acceptance"]["accepted"] is True
    for variant in bundle.manifest.variants:
        assert metrics["variants"][variant.name]["size_bytes"] == size_bytes(bundle, variant) > 0
        open_engine(bundle, variant).close()


@pytest.mark.parametrize("targets", [("openvino",), ("onnxruntime",)])
def test_only_the_targets_asked_for_are_built_and_float_alone_before_quantize(
    tmp_path: Path, targets: tuple[Target, ...]
) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    run(bundle, BuildSettings(targets=targets), Context())
    assert [variant.name for variant in bundle.manifest.variants] == [f"{targets[0]}-fp32"]


@pytest.mark.usefixtures("accepts_all")
@pytest.mark.parametrize("cpu", ["any", "x86-vnni"])
def test_int8_files_for_a_cpu_say_which_and_others_do_not(tmp_path: Path, cpu: str) -> None:
    bundle = small_bundle(tmp_path / "bundle", int8=ALL, cpu=cpu)
    run(bundle, BuildSettings(targets=ALL), Context())
    needs = {} if cpu == "any" else {"cpu": cpu}
    for engine in ALL:
        assert bundle.variant(engine, "fp32").requires == {}
        expected = {} if engine == "tensorrt" else needs
        assert bundle.variant(engine, "int8").requires == expected


def test_an_ir_is_counted_with_its_weights(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, "openvino", "fp32")
    parts = [bundle.path(f"engines/openvino-fp32{suffix}") for suffix in (".xml", ".bin")]
    assert size_bytes(bundle, variant) == sum(len(part.read_bytes()) for part in parts)


def test_when_a_build_fails_the_bundle_is_as_it_was(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle", int8=("openvino",))
    build_variant(bundle, "openvino", "int8")
    bundle.path("onnx/openvino-int8.onnx").write_bytes(b"broken")
    bundle.save()
    before = {path: path.read_bytes() for path in bundle.folder.rglob("*") if path.is_file()}
    again = Bundle.open(bundle.folder)
    with pytest.raises(EngineError):
        build_variant(again, "openvino", "int8")
    after = {path: path.read_bytes() for path in bundle.folder.rglob("*") if path.is_file()}
    assert after == before
    assert again.manifest == Bundle.open(bundle.folder).manifest
    assert [path.name for path in bundle.folder.iterdir() if path.name.startswith(".")] == []


def test_building_again_does_not_write_into_a_file_that_another_bundle_shares(
    tmp_path: Path,
) -> None:
    bundle = small_bundle(tmp_path / "bundle", int8=("openvino",))
    build_variant(bundle, "openvino", "int8")
    file = bundle.path("engines/openvino-int8.bin")
    linked = tmp_path / "linked"
    linked.hardlink_to(file)
    build_variant(bundle, "openvino", "int8")
    assert not linked.samefile(file)


def test_without_a_source_the_message_names_it_and_the_section(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"no onnx/openvino-int8\.onnx.*section quantize"):
        build_variant(bundle, "openvino", "int8")
    bundle.path("model.onnx").unlink()
    with pytest.raises(BundleError, match=r"no model\.onnx.*sections load and export"):
        sources(bundle, "openvino")


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_damaged_quantization_record_is_refused(tmp_path: Path, text: str) -> None:
    bundle = small_bundle(tmp_path / "bundle", int8=("openvino",))
    bundle.path("quantization.json").write_text(text, "utf-8")
    with pytest.raises(BundleError, match=r"quantization\.json: not the file of the manifest"):
        build_variant(bundle, "openvino", "int8")
    bundle.save()
    with pytest.raises(BundleError, match=r"quantization\.json: not the JSON object"):
        build_variant(bundle, "openvino", "int8")


def test_a_saved_bundle_verifies_after_a_build(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle", int8=("openvino", "onnxruntime"))
    for engine in ("openvino", "onnxruntime"):
        build_variant(bundle, engine, "int8")
    bundle.save()
    opened = Bundle.open(bundle.folder)
    assert opened.verify() == []
    assert "engines/openvino-int8.bin" in opened.manifest.files
    assert (opened.folder / MANIFEST).is_file()
