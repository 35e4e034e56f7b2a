from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from recorded_devices import cooling, orin_nano, write
from small_bundles import small_bundle

from edgecv.bundle import Bundle, Variant
from edgecv.cli import bench, build
from edgecv.errors import BundleError, EdgecvError, EngineError, UsageError
from edgecv.metrics.speeds import speeds_here
from edgecv.runtime.power import PowerMeter


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return small_bundle(tmp_path / "bundle", int8=("openvino", "tensorrt"))


def output(command: object, *arguments: object) -> str:
    result = CliRunner().invoke(
        command,  # type: ignore[arg-type]
        [str(argument) for argument in arguments],
        catch_exceptions=False,
        standalone_mode=False,
    )
    return result.stdout


def test_build_writes_every_precision_of_an_engine_into_the_manifest(bundle: Bundle) -> None:
    told = output(build.command, bundle.folder, "--engine", "openvino")
    assert [line.split(":")[0] for line in told.splitlines()] == ["openvino-fp32", "openvino-int8"]
    opened = Bundle.open(bundle.folder)
    assert opened.verify() == []
    assert opened.variant("openvino").file == "engines/openvino-int8.xml"


def test_build_of_one_precision_leaves_the_other(bundle: Bundle) -> None:
    output(build.command, bundle.folder, "--engine", "openvino", "--precision", "fp32")
    names = [variant.name for variant in Bundle.open(bundle.folder).manifest.variants]
    assert names == ["openvino-fp32"]


def test_build_prints_json(bundle: Bundle) -> None:
    told = json.loads(output(build.command, bundle.folder, "--engine", "onnxruntime", "--json"))
    (row,) = told["variants"]
    assert (row["name"], row["file"]) == ("onnxruntime-fp32", "model.onnx")
    assert row["size_bytes"] == bundle.path("model.onnx").stat().st_size


def test_build_of_tensorrt_without_a_gpu_says_what_it_made(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.acceptance.accept", lambda source: {})
    with capsys.disabled():
        result = CliRunner().invoke(build.command, [str(bundle.folder), "--engine", "tensorrt"])
    assert result.exit_code == 0
    assert "the portable ONNX file, not a plan: no NVIDIA GPU here" in result.stderr


def test_a_provider_is_for_onnxruntime_only_and_has_to_be_here(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="--provider cuda is for --engine onnxruntime"):
        output(build.command, bundle.folder, "--engine", "openvino", "--provider", "cuda")
    with pytest.raises(EngineError, match=r"no provider 'openvino'; .*onnxruntime-openvino in its"):
        output(build.command, bundle.folder, "--engine", "onnxruntime", "--provider", "openvino")
    monkeypatch.setattr("edgecv.cli.build.check_provider", lambda name: None)
    output(build.command, bundle.folder, "--engine", "onnxruntime", "--provider", "cuda")
    variant = Bundle.open(bundle.folder).variant("onnxruntime")
    assert variant.details["provider"] == "cuda"


def test_building_one_engine_does_not_vouch_for_other_files(bundle: Bundle) -> None:
    (bundle.folder / "labels.txt").write_text("a\nb\n")
    opened = Bundle.open(bundle.folder)
    opened.save()
    (bundle.folder / "labels.txt").write_text("b\na\n")
    output(build.command, bundle.folder, "--engine", "null")
    output(build.command, bundle.folder, "--engine", "onnxruntime")
    assert Bundle.open(bundle.folder).verify() == ["labels.txt"]


def test_nothing_is_built_from_a_file_that_was_changed(bundle: Bundle) -> None:
    with (bundle.folder / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError, match=r"model\.onnx: not the file .*its report names"):
        output(build.command, bundle.folder, "--engine", "openvino")


def test_a_build_that_fails_halfway_enters_what_it_built(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = build.build_variant

    def once(opened: Bundle, engine: str, precision: str, *rest: object) -> Variant:
        if precision == "int8":
            raise EngineError("refused")
        return real(opened, engine, "fp32", *rest)

    monkeypatch.setattr(build, "build_variant", once)
    monkeypatch.setattr(build, "sources", lambda *_: {"fp32": "", "int8": ""})
    with pytest.raises(EngineError, match="refused"):
        output(build.command, bundle.folder, "--engine", "openvino")
    found = Bundle.open(bundle.folder)
    assert [variant.name for variant in found.manifest.variants] == ["openvino-fp32"]
    assert found.verify() == []


def test_bench_refuses_a_file_that_was_changed(bundle: Bundle) -> None:
    output(build.command, bundle.folder, "--engine", "onnxruntime")
    with (bundle.folder / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError, match=r"model\.onnx: not the file of the manifest"):
        output(bench.command, bundle.folder)


def test_bench_prints_a_table_of_eighty_columns(bundle: Bundle) -> None:
    output(build.command, bundle.folder, "--engine", "null")
    quick = ("--queries", 2, "--rounds", 1)
    told = output(bench.command, bundle.folder, *quick)
    assert max(map(len, told.splitlines())) <= 80
    (row,) = [line for line in told.splitlines() if "null-fp32" in line]
    assert len(row.split()) == 9
    assert "RSS MB" in told


def test_bench_prints_json(bundle: Bundle) -> None:
    output(build.command, bundle.folder, "--engine", "null")
    for name in ("null", "null-fp32"):
        quick = ("--queries", 2, "--rounds", 1, "--engine", name, "--json")
        found = json.loads(output(bench.command, bundle.folder, *quick))
        assert list(found["variants"]) == ["null-fp32"]
        assert found["skipped"] == {}
    with pytest.raises(BundleError, match="no variant nil; it has null-fp32"):
        output(bench.command, bundle.folder, "--engine", "nil")


def test_bench_of_all_times_what_opens_and_one_that_is_named_has_to(bundle: Bundle) -> None:
    output(build.command, bundle.folder, "--engine", "null")
    output(build.command, bundle.folder, "--engine", "onnxruntime")
    opened = Bundle.open(bundle.folder)
    opened.path("labels.txt").write_text("no graph")
    broken = opened.variant("onnxruntime").model_copy(
        update={"name": "onnxruntime-broken", "file": "labels.txt"}
    )
    foreign = broken.model_copy(
        update={"name": "onnxruntime-foreign", "details": {"provider": "openvino"}}
    )
    opened.add_variants(broken, foreign)
    opened.save()
    quick = ("--queries", 2, "--rounds", 1, "--json")
    found = json.loads(output(bench.command, bundle.folder, *quick))
    assert {"null-fp32", "onnxruntime-fp32"} <= set(found["variants"])
    assert {*found["skipped"]} == {"onnxruntime-broken", "onnxruntime-foreign"}
    for name in found["skipped"]:
        with pytest.raises(EdgecvError, match=name):
            output(bench.command, bundle.folder, *quick, "--engine", "null", "--engine", name)


def test_what_bench_measured_is_known_to_the_run_that_holds_a_rate(bundle: Bundle) -> None:
    output(build.command, bundle.folder, "--engine", "onnxruntime")
    quick = ("--queries", 2, "--rounds", 1, "--engine", "onnxruntime", "--json")
    found = json.loads(output(bench.command, bundle.folder, *quick))["variants"]
    assert speeds_here(Bundle.open(bundle.folder)) == {
        name: row["throughput_fps"] for name, row in found.items()
    }


def test_bench_refuses_what_is_not_built_or_has_no_time_here(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.acceptance.accept", lambda source: {})
    with pytest.raises(BundleError, match="no engine in this bundle yet"):
        output(bench.command, bundle.folder)
    with pytest.raises(BundleError, match="no variant openvino"):
        output(bench.command, bundle.folder, "--engine", "openvino")
    output(build.command, bundle.folder, "--engine", "tensorrt")
    with pytest.raises(UsageError, match=r"nothing to time here.*no NVIDIA GPU"):
        output(bench.command, bundle.folder, "--engine", "tensorrt")


def test_bench_tells_the_power_of_a_device_and_what_held_it_back(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = orin_nano(tmp_path / "device")
    write(device, cooling({"gpu-throttle-alert": 1}))
    monkeypatch.setattr(
        "edgecv.stages.bench.PowerMeter", lambda period_s: PowerMeter(device, period_s)
    )
    output(build.command, bundle.folder, "--engine", "null")
    told = output(bench.command, bundle.folder, "--engine", "null", "--queries", 4, "--rounds", 2)
    assert max(map(len, told.splitlines())) <= 80
    assert "null-fp32: 7.0 W, " in told
    assert "power: of VDD_IN, with calls in flight" in told
    assert "hottest: tj-thermal, 51 C" in told
    assert "by heat (gpu-throttle-alert)" in told
