from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_bundles import small_bundle

from edgecv.bundle import Bundle
from edgecv.cli import bench
from edgecv.errors import UsageError
from edgecv.metrics.layers import read_layers
from edgecv.stages.build import build_variant


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    made = small_bundle(tmp_path / "bundle")
    for engine in ("openvino", "onnxruntime", "null"):
        build_variant(made, engine, "fp32")
    made.save()
    return made


def output(*arguments: object) -> str:
    result = CliRunner().invoke(
        bench.command,
        [str(argument) for argument in arguments],
        catch_exceptions=False,
        standalone_mode=False,
    )
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_layers_are_printed_and_kept_in_the_bundle(bundle: Bundle) -> None:
    told = output(bundle.folder, "--layers", "--engine", "openvino")
    assert "openvino-fp32 on" in told
    assert "conv" in told
    opened = Bundle.open(bundle.folder)
    assert opened.verify() == []
    assert "layers/openvino-fp32.json" in opened.manifest.files
    table = read_layers(bundle.path("layers/openvino-fp32.json"), "openvino")
    assert any("conv" in layer.nodes for layer in table.layers)


def test_json_holds_all_layers_of_every_engine_that_tells_them(bundle: Bundle) -> None:
    told = json.loads(output(bundle.folder, "--layers", "--json"))
    assert [*told] == ["openvino-fp32", "onnxruntime-fp32"]
    kept = json.loads(bundle.path("layers/onnxruntime-fp32.json").read_text("utf-8"))
    assert told["onnxruntime-fp32"] == kept


def test_an_engine_that_tells_no_layers_is_refused_where_it_is_named(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="no times of single layers from the engine 'null'"):
        output(bundle.folder, "--layers", "--engine", "null")
    with pytest.raises(UsageError, match="no times of single layers from the engine 'null'"):
        output(bundle.folder, "--layers", "--engine", "null-fp32")


def test_a_signed_bundle_stays_as_it_is(bundle: Bundle, tmp_path: Path) -> None:
    from edgecv.shipping.keys import make_key, read_private
    from edgecv.shipping.signature import sign

    make_key(tmp_path / "signing.key")
    sign(bundle, read_private(tmp_path / "signing.key"))
    before = {path.name: path.stat().st_mtime_ns for path in bundle.folder.rglob("*")}
    assert "openvino-fp32 on" in output(bundle.folder, "--layers", "--engine", "openvino")
    assert {path.name: path.stat().st_mtime_ns for path in bundle.folder.rglob("*")} == before
