from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from recorded_devices import orin_nano
from small_bundles import small_bundle

from edgecv.bundle import Bundle, Variant
from edgecv.device.jetson import read_jetson
from edgecv.errors import BundleError, DataError, EngineError
from edgecv.recipe import BenchSettings
from edgecv.runtime.power import PowerMeter
from edgecv.stages import Context
from edgecv.stages.bench import PICTURES, bench, pictures_of, run, timed_variants
from edgecv.stages.build import build_variant

NULL = Variant(name="null-fp32", engine="null", precision="fp32", file="")
QUICK = BenchSettings(queries=7, rounds=3, requests=2)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: False)
    return small_bundle(tmp_path / "bundle")


def test_every_variant_is_timed_and_tensorrt_without_a_gpu_is_not(bundle: Bundle) -> None:
    for engine in ("openvino", "onnxruntime"):
        build_variant(bundle, engine, "fp32")
    tensorrt = {"name": "tensorrt-int8", "engine": "tensorrt", "precision": "int8"}
    bundle.add_variants(Variant(**tensorrt, file="engines/tensorrt-int8.onnx"))
    found = run(bundle, QUICK, Context())
    assert json.loads(json.dumps(found)) == found
    assert list(found["variants"]) == ["openvino-fp32", "onnxruntime-fp32"]
    assert "no NVIDIA GPU here" in found["skipped"]["tensorrt-int8"]
    assert found["pictures"] == ["noise 640x480"]
    assert found["environment"]["cpu"]
    for row in found["variants"].values():
        for times in (row["engine_ms"], row["end_to_end_ms"]):
            assert len(times["samples"]) == QUICK.queries
            assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["max"]
            assert times["max"] == max(times["samples"])
        assert row["throughput_fps"] > 0
        assert row["peak_rss_mb"] > 50
        assert 0 < row["load_seconds"] < 60


def test_on_a_device_that_tells_it_each_variant_has_its_power(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = orin_nano(tmp_path / "device")
    monkeypatch.setattr(
        "edgecv.stages.bench.PowerMeter", lambda period_s: PowerMeter(device, period_s)
    )
    monkeypatch.setattr("edgecv.stages.bench.read_jetson", lambda: read_jetson(device))
    found = bench(bundle, [NULL], QUICK, [])
    assert json.loads(json.dumps(found)) == found
    row = found["variants"]["null-fp32"]
    assert row["power_w"] == 7.0
    assert row["mj_per_frame"] == pytest.approx(7e3 / row["throughput_fps"], abs=0.01)
    assert found["environment"]["power_mode"] == "15W"
    assert found["device"]["temperature_of"] == "tj-thermal"
    assert len(found["device"]["readings"]["gpu_mhz"]) >= 2 * QUICK.rounds


def test_a_device_that_tells_nothing_has_no_power(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edgecv.stages.bench.PowerMeter", lambda period_s: PowerMeter(tmp_path, period_s)
    )
    found = bench(bundle, [NULL], QUICK, [])
    row = found["variants"]["null-fp32"]
    assert (row["power_w"], row["mj_per_frame"]) == (None, None)
    assert "power_mode" not in found["environment"]


def test_a_bundle_whose_manifest_is_not_written_yet_is_timed(bundle: Bundle) -> None:
    bundle.path("manifest.json").unlink()
    found = bench(bundle, [NULL], BenchSettings(queries=1, rounds=6, requests=1), [])
    assert len(found["variants"]["null-fp32"]["engine_ms"]["samples"]) == 1


def test_a_variant_that_cannot_run_is_named(bundle: Bundle) -> None:
    variant = Variant(name="openvino-int8", engine="openvino", precision="int8", file="x.xml")
    with pytest.raises(BundleError, match=r"x\.xml.*openvino-int8 is missing"):
        bench(bundle, [variant], QUICK, [])
    bundle.path("x.xml").write_text("no IR")
    with pytest.raises(EngineError, match=r"timing openvino-int8: .*x\.xml"):
        bench(bundle, [variant], QUICK, [])
    unopened: dict[str, str] = {}
    assert [*bench(bundle, [variant, NULL], QUICK, [], unopened)["variants"]] == ["null-fp32"]
    assert [*unopened] == ["openvino-int8"]
    assert unopened["openvino-int8"].startswith(str(bundle.path("x.xml")))


def test_without_variants_nothing_is_timed(bundle: Bundle) -> None:
    assert timed_variants(bundle) == ([], {})
    assert bench(bundle, [], QUICK, [])["variants"] == {}


def test_a_variant_of_a_provider_that_is_not_here_costs_the_others_nothing(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path)
    variant = Variant(
        name="onnxruntime-fp32", engine="onnxruntime", precision="fp32", file="model.onnx"
    )
    other = variant.model_copy(
        update={"name": "onnxruntime-other", "details": {"provider": "openvino"}}
    )
    bundle.update(variants=(variant, other))
    timed, skipped = timed_variants(bundle)
    assert timed == [variant]
    assert "has no provider 'openvino'" in skipped["onnxruntime-other"]


def test_the_first_usable_pictures_of_a_folder_take_turns(tmp_path: Path) -> None:
    for index in range(PICTURES + 2):
        cv2.imwrite(str(tmp_path / f"{index:02}.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "00.png").write_bytes(b"damaged")
    names = [path.name for path in pictures_of(tmp_path)]
    assert names == [f"{index:02}.png" for index in range(1, PICTURES + 1)]
    assert pictures_of(None) == []
    with pytest.raises(DataError, match="no such folder"):
        pictures_of(tmp_path / "nothing")
