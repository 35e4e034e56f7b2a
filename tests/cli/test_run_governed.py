from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from small_bundles import small_bundle
from small_videos import null_bundle, write_video

from edgecv.bundle import Bundle, StageRecord
from edgecv.cache import state_folder
from edgecv.cli._run_governing import Milliseconds, gears_here
from edgecv.cli._service_parts import service_of
from edgecv.cli.run import command
from edgecv.errors import UsageError
from edgecv.metrics.latency import fingerprint
from edgecv.metrics.speeds import keep_speeds, speeds_here
from edgecv.runtime import governing, governor
from edgecv.runtime.summary import engine_alone
from edgecv.stages.build import build_variant


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An own cache, an engine that is timed shortly, and a hasty governor."""
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("edgecv.cli.run.engine_alone", partial(engine_alone, seconds=0.05))
    monkeypatch.setattr(governing, "PERIOD_S", 0.2)
    monkeypatch.setattr(governor, "WORSE_S", 0.3)


def run(*arguments: object) -> Result:
    given = [str(argument) for argument in arguments]
    return CliRunner().invoke(command, given, catch_exceptions=False, standalone_mode=False)


def measured(bundle: Bundle, fps: dict[str, float], **environment: object) -> Bundle:
    """The bundle after a bench stage that found these speeds on this machine, or on another."""
    metrics = {
        "environment": {**fingerprint(), **environment},
        "variants": {name: {"throughput_fps": value} for name, value in fps.items()},
    }
    record = StageRecord(
        stage="bench", key="0" * 64, settings={}, metrics=metrics, seconds=1.0, environment={}
    )
    bundle.update(history=(record,))
    bundle.save()
    return bundle


@pytest.fixture(scope="module")
def two_engines(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    bundle = small_bundle(tmp_path_factory.mktemp("two") / "bundle", int8=("openvino",))
    build_variant(bundle, "onnxruntime", "fp32")
    build_variant(bundle, "openvino", "int8")
    return measured(bundle, {"onnxruntime-fp32": 50.0, "openvino-int8": 100.0})


@pytest.mark.parametrize(
    ("text", "ms"), [("40ms", 40.0), ("0.04s", 40.0), ("2s", 2000.0), ("12.5ms", 12.5)]
)
def test_a_time_has_its_unit(text: str, ms: float) -> None:
    assert Milliseconds().convert(text, None, None) == pytest.approx(ms)


@pytest.mark.parametrize("text", ["40", "0ms", "-3ms", "ms", "40 ms", "fast"])
def test_a_time_without_one_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"expected a time such as 40ms or 0\.04s"):
        Milliseconds().convert(text, None, None)


@pytest.mark.parametrize(("option", "value"), [("--fps", "30"), ("--p99", "40ms")])
def test_without_a_tracker_there_is_nobody_to_fill_in(
    tmp_path: Path, option: str, value: str
) -> None:
    bundle = null_bundle(tmp_path / "bundle").folder
    video = write_video(tmp_path / "v.mp4", 2)
    with pytest.raises(UsageError, match=f"{option} leaves frames to the tracker"):
        run(bundle, "--source", video, "--tracker", "none", option, value)


@pytest.mark.parametrize("value", ["0", "-1", "fast"])
def test_a_rate_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(click.BadParameter):
        run(tmp_path, "--source", "0", "--fps", value)


def test_the_quickest_engine_of_the_bundle_comes_before_larger_strides(two_engines: Bundle) -> None:
    slow, quick = two_engines.manifest.variants
    names = [(gear.variant, gear.stride) for gear in gears_here(two_engines, slow)]
    strides = [("openvino-int8", stride) for stride in (1, 2, 3, 4)]
    assert names == [("onnxruntime-fp32", 1), *strides]
    works = [gear.work for gear in gears_here(two_engines, slow)]
    assert [work / works[0] for work in works] == pytest.approx([1, 1 / 2, 1 / 4, 1 / 6, 1 / 8])
    assert [(g.variant, g.stride) for g in gears_here(two_engines, quick)] == strides


def test_what_bench_measured_on_this_machine_counts_more_than_what_compress_did(
    two_engines: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    slow, quick = two_engines.manifest.variants

    def keep(slow_fps: float, quick_fps: float, **environment: object) -> None:
        rows = {slow.name: slow_fps, quick.name: quick_fps}
        variants = {name: {"throughput_fps": fps} for name, fps in rows.items()}
        machine = {**fingerprint(), **environment}
        keep_speeds(two_engines, {"environment": machine, "variants": variants})

    keep(80.0, 60.0)
    assert speeds_here(two_engines) == {slow.name: 80.0, quick.name: 60.0}
    assert {gear.variant for gear in gears_here(two_engines, slow)} == {slow.name}
    keep(40.0, 90.0, cpu="another machine's, in a folder that both share")
    assert speeds_here(two_engines) == {slow.name: 50.0, quick.name: 100.0}
    keep(40.0, 90.0)
    for path in state_folder().glob("speeds/*"):
        path.write_text("cut of")
    assert speeds_here(two_engines) == {slow.name: 50.0, quick.name: 100.0}
    assert capsys.readouterr().err == ""


def test_figures_of_a_bench_that_cannot_be_kept_are_told(
    two_engines: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("a file")
    rows = {"onnxruntime-fp32": {"throughput_fps": 1.0}}
    keep_speeds(two_engines, {"environment": fingerprint(), "variants": rows})
    assert "cannot be kept (Not a directory)" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("fps", "environment"),
    [
        ({"onnxruntime-fp32": 50.0, "openvino-int8": 100.0}, {"cpu": "another machine's"}),
        ({"onnxruntime-fp32": 50.0, "openvino-int8": 54.0}, {}),
        ({"openvino-int8": 100.0}, {}),
        ({"onnxruntime-fp32": 50.0}, {}),
    ],
    ids=["measured elsewhere", "hardly quicker", "own speed unknown", "nothing else measured"],
)
def test_where_no_engine_is_known_to_be_quicker_there_are_strides_alone(
    two_engines: Bundle, fps: dict[str, float], environment: dict[str, str]
) -> None:
    before = two_engines.manifest.history
    try:
        bundle = measured(two_engines, fps, **environment)
        gears = gears_here(bundle, bundle.manifest.variants[0])
    finally:
        two_engines.update(history=before)
        two_engines.save()
    assert [(gear.variant, gear.stride) for gear in gears] == [
        ("onnxruntime-fp32", stride) for stride in (1, 2, 3, 4)
    ]


def test_an_age_that_nothing_can_hold_takes_the_other_engine_and_then_every_stride(
    tmp_path: Path, two_engines: Bundle
) -> None:
    source = ("--source", "conveyor://?size=64x64&fps=20", "--engine", "onnxruntime-fp32")
    lines, asked = tmp_path / "o.jsonl", ("--p99", "0.001ms", "--max-frames", 100)
    result = run(two_engines.folder, *source, "--jsonl", lines, *asked, "--json")
    told = json.loads(result.stdout)
    held = told["governor"]
    assert (held["fps"], held["p99_ms"]) == (None, pytest.approx(0.001))
    assert [(one["to"]["variant"], one["to"]["stride"]) for one in held["switches"]] == [
        ("openvino-int8", stride) for stride in (1, 2, 3, 4)
    ]
    assert held["switches"][0]["from"] == {"variant": "onnxruntime-fp32", "stride": 1}
    assert (held["variant"], held["stride"], held["switched"]) == ("openvino-int8", 4, 4)
    times = [one["time_s"] for one in held["switches"]]
    assert times == sorted(times)
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line["frame"] for line in written] == sorted(line["frame"] for line in written)
    predicted = [line for line in written if line.get("detected") is False]
    assert len(predicted) == told["predicted"] > 0
    assert told["processed"] == len(written)
    assert result.stderr.count("governor: ") == 5  # one is said of opening


def test_the_summary_tells_of_switches_in_eighty_columns(
    tmp_path: Path, two_engines: Bundle
) -> None:
    source = ("--source", "conveyor://?size=64x64&fps=20", "--engine", "onnxruntime-fp32")
    told = run(two_engines.folder, *source, "--p99", "0.001ms", "--max-frames", 60).stdout
    assert max(map(len, told.split("held by")[0].splitlines())) <= 80
    assert "because" in told
    assert "openvino-int8" in told
    assert "held by onnxruntime-fp32 on one frame of 1 for " in told
    assert " frames predicted" in told


def test_a_service_runs_with_the_target(tmp_path: Path) -> None:
    bundle = null_bundle(tmp_path / "bundle").folder
    options = ("--source", "0", "--fps", "30", "--p99", "40ms")
    made = service_of(bundle, options, "door", None, "75%")
    assert made.command[-6:] == options
    with pytest.raises(click.BadParameter, match="expected a time"):
        service_of(bundle, (*options[:-1], "40"), "door", None, "75%")
