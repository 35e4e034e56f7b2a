from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from small_bundles import small_bundle

from edgecv.bundle import (
    ENGINE_NAMES,
    MANIFEST,
    Bundle,
    InputSpec,
    Manifest,
    ModelSpec,
    StageRecord,
    Variant,
    sha256_of,
    write_atomically,
)
from edgecv.engines import ENGINES
from edgecv.errors import BundleError


def variant(name: str, file: str = "f") -> Variant:
    engine, _, precision = name.rpartition("-")
    return Variant.model_validate(
        {"name": name, "engine": engine, "precision": precision, "file": file}
    )


def record(stage: str, metrics: dict[str, Any]) -> StageRecord:
    return StageRecord(
        stage=stage, key="k", settings={}, metrics=metrics, seconds=1, environment={}
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path, Manifest())


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_a_file_is_hashed_whatever_its_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert sha256_of(path) == hashlib.sha256(b"x" * size).hexdigest()


def test_a_bundle_saved_and_opened_is_the_same(bundle: Bundle) -> None:
    size = InputSpec(width=64, height=32, batch=None, align="center")
    bundle.update(
        recipe="r",
        spec=ModelSpec(name="net", class_names=("a",), input=size),
        variants=(variant("onnxruntime-int8"),),
        history=(record("load", {"x": [1, 2.5, None]}),),
    )
    bundle.new_file("deep/er/file").write_text("text")
    bundle.save()
    assert Bundle.open(bundle.folder).manifest == bundle.manifest
    assert set(bundle.manifest.files) == {"deep/er/file"}
    assert bundle.manifest.files["deep/er/file"].size_bytes == 4


def test_verify_names_files_that_changed_or_are_gone(bundle: Bundle) -> None:
    for name in ("same", "changed", "gone"):
        bundle.new_file(name).write_text(name)
    bundle.save()
    assert bundle.verify() == []
    bundle.path("changed").write_text("CHANGED")
    bundle.path("gone").unlink()
    assert sorted(bundle.verify()) == ["changed", "gone"]


def test_hidden_files_and_the_manifest_itself_are_no_files_of_a_bundle(bundle: Bundle) -> None:
    (bundle.folder / ".stages").mkdir()
    (bundle.folder / ".stages" / "x").touch()
    bundle.save()
    bundle.save()
    assert bundle.manifest.files == {}


def test_a_new_file_leaves_other_links_of_the_old_one_alone(bundle: Bundle, tmp_path: Path) -> None:
    bundle.new_file("a").write_text("old")
    (tmp_path / "link").hardlink_to(bundle.path("a"))
    bundle.write_json("a", {"new": 1})
    assert (tmp_path / "link").read_text() == "old"
    assert json.loads(bundle.path("a").read_text()) == {"new": 1}


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no manifest.json here.*edgecv compress"):
        Bundle.open(tmp_path)
    with pytest.raises(BundleError, match=r"no manifest\.json here"):
        Bundle.open(tmp_path / "absent")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"extra": 1}', "extra: Extra inputs are not permitted"),
    ],
)
def test_a_manifest_that_cannot_be_understood_is_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match="not a manifest of format edgecv-bundle/1") as error:
        Bundle.open(tmp_path)
    assert told in str(error.value)


def test_a_bundle_for_another_task_or_of_another_format_is_refused(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path).manifest.model_dump(mode="json")
    for changes, told in (
        ({"spec": {**manifest["spec"], "task": "segment"}}, "for 'segment'; .* takes 'detect'"),
        ({"format": "edgecv-bundle/2"}, "'edgecv-bundle/2'; .* takes 'edgecv-bundle/1'"),
    ):
        (tmp_path / MANIFEST).write_text(json.dumps({**manifest, **changes}))
        with pytest.raises(BundleError, match=told + r"\. Take another bundle"):
            Bundle.open(tmp_path)


def test_a_manifest_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BundleError, match="not a manifest"):
        Bundle.open(tmp_path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../b", "a\\..\\b"])
def test_a_manifest_cannot_name_files_outside_its_bundle(name: str) -> None:
    files = {name: {"sha256": "0", "size_bytes": 0}}
    with pytest.raises(ValidationError, match="stay in the bundle"):
        Manifest.model_validate({"files": files})
    with pytest.raises(ValidationError, match="stay in the bundle"):
        variant("null-fp32", name)


def test_a_bundle_without_a_model_says_which_stage_makes_one(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="run the load stage"):
        _ = bundle.spec


def test_a_variant_of_the_same_name_is_replaced(bundle: Bundle) -> None:
    bundle.add_variants(variant("a-fp32"), variant("a-int8"))
    bundle.add_variants(variant("a-fp32", "newer"))
    assert [(v.name, v.file) for v in bundle.manifest.variants] == [
        ("a-int8", "f"),
        ("a-fp32", "newer"),
    ]


def test_a_variant_is_found_by_engine_and_precision_else_int8_first(bundle: Bundle) -> None:
    bundle.add_variants(variant("a-fp32"), variant("a-fp16"), variant("a-int8"), variant("b-fp32"))
    assert bundle.variant("a").name == "a-int8"
    assert bundle.variant("a", "fp32").name == "a-fp32"
    assert bundle.variant("b").name == "b-fp32"
    with pytest.raises(BundleError, match=r"no variant b-int8; it has a-fp32"):
        bundle.variant("b", "int8")
    with pytest.raises(BundleError, match="no variant c; it has a-fp32"):
        bundle.variant("c")


def test_the_metrics_of_a_stage_are_those_of_its_last_run(bundle: Bundle) -> None:
    assert bundle.metrics("load") == {}
    bundle.update(history=(record("load", {"n": 1}), record("load", {"n": 2})))
    assert bundle.metrics("load") == {"n": 2}


def test_a_text_is_replaced_whole_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "one")
    write_atomically(path, "two ü")
    assert path.read_text("utf-8") == "two ü"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_place_of_a_bundle_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(BundleError, match=r"model\.onnx: a file; expected a bundle"):
        Bundle.open(tmp_path / "model.onnx")


def test_a_variant_that_is_asked_for_by_name_comes_with_a_line_that_can_be_typed(
    tmp_path: Path,
) -> None:
    with pytest.raises(BundleError, match=r"no variant openvino-int9; .* --engine openvino$"):
        Bundle(tmp_path, Manifest()).variant("openvino-int9")
    with pytest.raises(BundleError, match=r"no variant opnvino; it has none$"):
        Bundle(tmp_path, Manifest()).variant("opnvino")


def test_the_engines_that_can_be_built_are_all_known_here() -> None:
    assert set(ENGINE_NAMES) == set(ENGINES)


def test_a_variant_is_found_by_its_name_too(tmp_path: Path) -> None:
    variants = tuple(
        Variant(name=f"openvino-{one}", engine="openvino", precision=one, file=f"engines/{one}")
        for one in ("fp32", "int8")
    )
    bundle = Bundle(tmp_path, Manifest(variants=variants))
    assert bundle.variant("openvino-fp32") is variants[0]
    assert bundle.variant("openvino") is variants[1]
    with pytest.raises(BundleError, match="no variant"):
        bundle.variant("openvino-fp32", "int8")
