from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from small_bundles import small_bundle

from edgecv.bundle import Bundle
from edgecv.cli.build import command
from edgecv.engines import Built
from edgecv.engines.tensorrt.options import PlanOptions
from edgecv.errors import BundleError, EngineError, UsageError
from edgecv.output import locked


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return small_bundle(tmp_path / "bundle", int8=("tensorrt",))


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[PlanOptions]:
    """A device whose builder makes another plan each time; what it was asked for."""
    asked: list[PlanOptions] = []

    def build_plan(source: Path, folder: Path, name: str, options: PlanOptions) -> Built:
        if options.workspace_mb == 1:
            raise EngineError("too little memory")
        asked.append(options)
        file = f"{name}.{len(asked)}.plan"
        (folder / file).write_bytes(bytes([len(asked)]))
        return Built(file, {"not_in_int8": ["a", "b"], "asked": options.asked()}, {"gpu": "one"})

    for module in ("edgecv.cli.build", "edgecv.engines.tensorrt"):
        monkeypatch.setattr(f"{module}.why_not_here", lambda: None)
    monkeypatch.setattr("edgecv.engines.tensorrt.plan.build_plan", build_plan)
    return asked


def call(bundle: Bundle, *arguments: object, engine: str = "tensorrt") -> Result:
    return CliRunner().invoke(
        command,
        [str(bundle.folder), "--engine", engine, *map(str, arguments)],
        catch_exceptions=False,
        standalone_mode=False,
    )


def plans(bundle: Bundle) -> list[str]:
    return sorted(path.name for path in bundle.path("engines").glob("*.plan"))


def test_options_reach_the_builder_and_the_manifest(
    bundle: Bundle, builds: list[PlanOptions], tmp_path: Path
) -> None:
    asked = "--precision int8 --workspace 512 --dla 1 --batch 1:4:8 --version-compatible".split()
    told = call(bundle, *asked, "--timing-cache", tmp_path / "t", "--json")
    expected = PlanOptions("int8", None, (), (1, 4, 8), 512, 1, tmp_path / "t", True)
    assert builds == [expected]
    (row,) = json.loads(told.stdout)["variants"]
    assert row["details"]["asked"] == expected.asked()
    assert "tensorrt-int8: 2 convs do not run in INT8" in told.stderr
    assert told.stderr.rstrip().endswith("a, b")


def test_without_a_precision_both_are_built_as_tensorrt_likes(
    bundle: Bundle, builds: list[PlanOptions]
) -> None:
    call(bundle)
    assert builds == [PlanOptions("fp32"), PlanOptions("int8")]


@pytest.mark.parametrize(
    "arguments",
    [["--workspace", "0"], ["--dla", "2"], ["--batch", "8:1"], ["--precision", "int4"]],
)
def test_values_out_of_range_are_refused(
    bundle: Bundle, builds: list[PlanOptions], arguments: list[str]
) -> None:
    with pytest.raises(
        (UsageError, click.UsageError), match=r"--batch|not in the range|not one of"
    ):
        call(bundle, *arguments)
    assert builds == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--precision", "fp16"], "--precision fp16 is for"),
        (["--dla", "0"], "--dla 0 is for"),
        (["--timing-cache", "t"], "--timing-cache t is for"),
        (["--batch", "2"], "--batch 2 is for"),
    ],
)
def test_other_engines_have_none_of_these_options(
    bundle: Bundle, arguments: list[str], told: str
) -> None:
    with pytest.raises(UsageError, match=f"{told} --engine tensorrt, not openvino"):
        call(bundle, *arguments, engine="openvino")


def test_a_timing_cache_that_cannot_be_is_refused_where_there_is_no_gpu_either(
    bundle: Bundle,
) -> None:
    with pytest.raises(UsageError, match=r"there is no folder .*nowhere"):
        call(bundle, "--timing-cache", bundle.path("nowhere/t"))


def test_a_new_plan_takes_the_place_of_the_old_one(
    bundle: Bundle, builds: list[PlanOptions]
) -> None:
    for _ in range(3):
        call(bundle, "--precision", "int8")
    found = Bundle.open(bundle.folder)
    assert plans(bundle) == ["tensorrt-int8.3.plan"]
    assert found.variant("tensorrt").file == "engines/tensorrt-int8.3.plan"
    assert found.verify() == []
    assert [name for name in found.manifest.files if name.endswith(".plan")] == [
        "engines/tensorrt-int8.3.plan"
    ]


@pytest.mark.parametrize("moment", ["rename", "manifest"])
def test_when_the_power_fails_the_old_engine_stays(
    bundle: Bundle, builds: list[PlanOptions], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    call(bundle, "--precision", "int8")

    class PowerFails(BaseException):
        pass

    real = os.replace

    (bundle.folder / ".build-of-a-killed-one").mkdir()

    def replace(source: Any, target: Any) -> None:
        if str(target).endswith(".plan" if moment == "rename" else "manifest.json"):
            raise PowerFails
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PowerFails):
        call(bundle, "--precision", "int8")
    monkeypatch.undo()
    found = Bundle.open(bundle.folder)
    assert found.variant("tensorrt").file == "engines/tensorrt-int8.1.plan"
    assert found.verify() == []
    assert not [*bundle.folder.glob(".build-*")]


def test_a_build_that_fails_leaves_the_old_engine(
    bundle: Bundle, builds: list[PlanOptions]
) -> None:
    call(bundle, "--precision", "int8")
    with pytest.raises(EngineError, match="too little memory"):
        call(bundle, "--precision", "int8", "--workspace", 1)
    assert plans(bundle) == ["tensorrt-int8.1.plan"]
    assert Bundle.open(bundle.folder).verify() == []


@pytest.mark.usefixtures("builds")
def test_where_no_plan_can_be_built_the_one_that_is_there_stays(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(bundle)
    for module in ("edgecv.cli.build", "edgecv.engines.tensorrt"):
        monkeypatch.setattr(f"{module}.why_not_here", lambda: "no NVIDIA GPU here")
    with pytest.raises(EngineError, match=r"no NVIDIA GPU here\. engines/tensorrt-\S+\.plan stays"):
        call(bundle)
    assert len(plans(bundle)) == 2
    assert Bundle.open(bundle.folder).verify() == []


def test_a_jetson_that_cannot_build_a_plan_says_why(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.cli.build.why_not_here", lambda: "an NVIDIA GPU, but no TensorRT")
    monkeypatch.setattr("edgecv.cli.build.jetson_model", lambda: "NVIDIA Jetson Orin Nano")
    with pytest.raises(EngineError, match="on this Jetson: an NVIDIA GPU, but no TensorRT"):
        call(bundle)
    assert Bundle.open(bundle.folder).manifest.variants == ()


def test_two_builds_do_not_work_in_one_bundle(bundle: Bundle, builds: list[PlanOptions]) -> None:
    with (
        locked(bundle.folder),
        pytest.raises(BundleError, match=f"process {os.getpid()} works there now"),
    ):
        call(bundle)
    assert builds == []


def test_a_folder_that_is_no_bundle_stays_untouched(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle"):
        call(Bundle(tmp_path, small_bundle(tmp_path / "other").manifest))
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
