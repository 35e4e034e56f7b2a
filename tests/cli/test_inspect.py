from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from signed_bundles import own_config, signed_bundle

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, StageRecord, Variant
from edgecv.cli import build
from edgecv.cli.inspect import command, states
from edgecv.errors import BundleError

NAME = "a-rather-long-name-of-an-engine-file-that-does-not-fit-into-any-narrow-column.onnx"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved bundle of two files."""
    (tmp_path / "engines").mkdir()
    (tmp_path / "model.onnx").write_bytes(b"graph")
    (tmp_path / "engines" / NAME).write_bytes(b"engine")
    bundle = Bundle(
        tmp_path,
        Manifest(
            recipe="yolo_int8",
            spec=ModelSpec(name="net", class_names=("ant", "bee"),
                           input=InputSpec(width=64, height=32, batch=None)),
            variants=(Variant(name="onnxruntime-int8", engine="onnxruntime", precision="int8",
                              file=f"engines/{NAME}", requires={"cpu": "x86-vnni"}),),
            history=(StageRecord(stage="export", key="0", settings={}, environment={},
                                 metrics={"summary": "opset 17"}, seconds=1.25),),
        ),
    )  # fmt: skip
    bundle.save()
    return tmp_path


def inspect(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(command, [str(folder), *options])


def test_a_whole_bundle_is_printed(folder: Path) -> None:
    result = inspect(folder)
    assert result.exception is None
    for text in ("net", "2 classes", "Nx32x64x3", "yolo_int8", "onnxruntime-int8",
                 "cpu x86-vnni", "opset 17", "model.onnx"):  # fmt: skip
        assert text in result.output
    assert "changed" not in result.output


def test_tables_stay_within_eighty_columns(folder: Path) -> None:
    lines = [line for line in inspect(folder).output.splitlines() if str(folder) not in line]
    assert max(map(len, lines)) <= 80


def test_json_holds_the_manifest_and_the_state_of_each_file(folder: Path) -> None:
    content = json.loads(inspect(folder, "--json").output)
    assert Manifest.model_validate(content["manifest"]) == Bundle.open(folder).manifest
    assert content["files"] == {"model.onnx": "ok", f"engines/{NAME}": "ok"}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_changed_file_is_named_and_ends_with_status_two(
    folder: Path, options: tuple[str, ...]
) -> None:
    (folder / "model.onnx").write_bytes(b"grapf")
    error = inspect(folder, *options).exception
    assert isinstance(error, BundleError)
    assert error.exit_status == 2
    assert "1 of 2 files" in str(error)
    assert "model.onnx (changed)" in str(error)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "engines" / NAME).unlink()
    assert f"engines/{NAME} (missing)" in str(inspect(folder).exception)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    error = inspect(tmp_path).exception
    assert isinstance(error, BundleError)
    assert "no manifest.json here" in str(error)


def test_a_bundle_without_anything_yet_is_printed(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, Manifest())
    bundle.save()
    assert states(bundle) == {}
    result = inspect(tmp_path)
    assert result.exception is None
    assert result.output.strip().replace("\n", "") == str(tmp_path)


def test_what_was_built_of_a_signed_bundle_is_printed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_config(tmp_path / "config", monkeypatch)
    signed = signed_bundle(tmp_path / "bundle").folder
    arguments = [str(signed), "--engine", "onnxruntime", "--precision", "int8"]
    assert CliRunner().invoke(build.command, arguments).exit_code == 0
    told = inspect(signed).output
    assert "signed by key " in told
    assert "onnxruntime-int8" in told
    assert "ok" in next(line for line in told.splitlines() if line.strip().startswith("built/"))


def test_what_is_not_of_the_bundle_is_named(folder: Path) -> None:
    assert "not in the manifest" not in inspect(folder).stdout
    (folder / "extra.txt").touch()
    told = inspect(folder).stdout
    assert "not in the manifest: extra.txt. Remove it: sign, pack and deploy refuse it" in told
    assert json.loads(inspect(folder, "--json").stdout)["not_in_manifest"] == ["extra.txt"]
