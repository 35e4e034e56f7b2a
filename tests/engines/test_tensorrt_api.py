from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorrt_api import (
    RTX,
    TABLE_FILE,
    Recorded,
    layer_of,
    module,
    names_of,
    network_of,
    table,
    touched,
)

from edgecv.engines.tensorrt.config import flag_names, make_config
from edgecv.engines.tensorrt.network import Network, is_strongly_typed, read_network
from edgecv.engines.tensorrt.options import PlanOptions
from edgecv.errors import EngineError, UsageError

VERSIONS = tuple(table())
ELEVEN = {version for version in VERSIONS if version.startswith("11.")}
WEAK = {"8.6.1", "10.3.0", "10.7.0"}
# what only some versions have, and where the code asks before it touches it
GUARDED = {
    "IProgressMonitor": {"8.6.1"},  # building: hasattr
    "IBuilderConfig.progress_monitor": {"8.6.1"},  # the same
    "ILayer.precision": ELEVEN | {RTX},  # config: not where networks are strongly typed
    "ILayer.set_output_type": ELEVEN | {RTX},  # the same
    # acceptance, which is TensorRT-RTX's
    "ComputeCapability": {*VERSIONS} - {RTX},
    "IBuilderConfig.num_compute_capabilities": {*VERSIONS} - {RTX},
    "IBuilderConfig.set_compute_capability": {*VERSIONS} - {RTX},
}


def test_every_name_that_the_engine_touches_exists_in_every_version_or_is_guarded() -> None:
    known, names = table(), touched()
    assert len(names) > 50
    lacking = {
        name: {version for version in VERSIONS if name not in known[version]} for name in names
    }
    assert {name: versions for name, versions in lacking.items() if versions} == GUARDED


def test_the_table_is_that_of_the_installed_tensorrt_rtx() -> None:
    tensorrt_rtx = pytest.importorskip("tensorrt_rtx")
    assert names_of(tensorrt_rtx) == table()[RTX]


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("version", ["8.6.1", "10.3.0", "11.4.0.106"])
def test_the_table_is_that_of_the_published_bindings(version: str) -> None:
    script = TABLE_FILE.with_name("write_tensorrt_api.py")
    told = subprocess.run([sys.executable, script, version], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout.splitlines()[-1]) == sorted(table()[version])


@pytest.mark.parametrize("version", VERSIONS)
def test_networks_keep_the_types_of_the_file_where_that_works(version: str) -> None:
    assert is_strongly_typed(module(version)) == (version not in WEAK)


def made_of(version: str, *, dynamic: bool = False, dla_cores: int = 2) -> Network:
    names = table()[version]
    trt = module(version)
    config = Recorded(names, "IBuilderConfig")
    profile = Recorded(names, "IOptimizationProfile")
    builder = Recorded(
        names,
        "Builder",
        create_builder_config=lambda: config,
        create_optimization_profile=lambda: profile,
        num_DLA_cores=dla_cores,
    )
    layers = [layer_of(names, trt, "conv"), layer_of(names, trt, "decode.Exp")]
    network = network_of(names, layers, (-1 if dynamic else 1, 32, 32, 3))
    return Network(trt, builder, network, None, [], is_strongly_typed(trt), [])


def flags_set(config: Any) -> list[str]:
    """Those that were asked for; of RTX one is always."""
    found = [done[1].partition(".")[2] for done in config.done if done[0] == "set_flag"]
    return [name for name in found if name != "REQUIRE_USER_ALLOCATION"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_float_plan_is_in_float_without_the_rounding_of_tf32(version: str) -> None:
    config = make_config(made_of(version), PlanOptions())
    assert flags_set(config) == []
    assert ("clear_flag", "BuilderFlag.TF32") in config.done


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_only_versions_that_choose_types_are_told_which_they_may_take(
    version: str, precision: Any
) -> None:
    options = PlanOptions(precision=precision, float32=("decode.Exp",))
    made = made_of(version)
    config = make_config(made, options)
    kept = [name for layer in made.layers for name, *_ in layer.done if name == "precision"]
    if version not in WEAK:
        assert flags_set(config) == []
        always = ["REQUIRE_USER_ALLOCATION"] if version == RTX else []
        assert flag_names(made, options) == always
        assert kept == []
        return
    expected = {"int8": ["INT8", "FP16"], "fp16": ["FP16"]}[precision]
    assert flags_set(config) == [*expected, "OBEY_PRECISION_CONSTRAINTS"]
    assert made.layers[0].done == []
    assert made.layers[1].done == [
        ("precision", "DataType.FLOAT"),
        ("set_output_type", 0, "DataType.FLOAT"),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_accelerator_comes_with_the_way_back_to_the_gpu(version: str) -> None:
    config = make_config(made_of(version), PlanOptions(precision="int8", dla=1))
    assert flags_set(config)[-1] == "GPU_FALLBACK"
    assert ("DLA_core", 1) in config.done
    assert ("default_device_type", "DeviceType.DLA") in config.done


@pytest.mark.parametrize("version", VERSIONS)
def test_memory_batch_and_a_lasting_plan_are_asked_for_in_every_version(version: str) -> None:
    options = PlanOptions(batch=(1, 4, 8), version_compatible=True)
    made = made_of(version, dynamic=True)
    config = make_config(made, options, workspace=1 << 28)
    assert ("set_memory_pool_limit", "MemoryPoolType.WORKSPACE", 1 << 28) in config.done
    assert flags_set(config) == ["VERSION_COMPATIBLE"]
    (profile,) = [done[1] for done in config.done if done[0] == "add_optimization_profile"]
    shapes = [(count, 32, 32, 3) for count in (1, 4, 8)]
    assert profile.done == [("set_shape", "images", *shapes)]
    shared = [arguments for name, *arguments in config.done if name == "set_preview_feature"]
    has = "PreviewFeature.PROFILE_SHARING_0806" in table()[version]
    assert shared == ([["PreviewFeature.PROFILE_SHARING_0806", True]] if has else [])


def test_what_the_device_or_the_network_does_not_allow_is_refused() -> None:
    fixed, open_ = made_of("10.3.0", dla_cores=1), made_of("10.3.0", dynamic=True)
    with pytest.raises(UsageError, match=r"--dla 1: this device has 1 cores.*without --dla"):
        make_config(fixed, PlanOptions(precision="int8", dla=1))
    with pytest.raises(UsageError, match=r"--batch 1:4:8.*takes 1 a call.*export\.batch=dynamic"):
        make_config(fixed, PlanOptions(batch=(1, 4, 8)))
    make_config(fixed, PlanOptions(batch=(1, 1, 1)))
    with pytest.raises(UsageError, match="--dla 0 needs one batch size: --batch 1"):
        make_config(open_, PlanOptions(precision="int8", dla=0, batch=(1, 1, 8)))
    with pytest.raises(UsageError, match=r"--batch 4: edgecv sends one.*Take --batch 1:4:4"):
        make_config(open_, PlanOptions(batch=(4, 4, 4)))


def test_a_picture_of_open_size_is_refused() -> None:
    names = table()["10.3.0"]
    made = made_of("10.3.0")
    made = made._replace(network=network_of(names, [], (1, -1, -1, 3)))
    with pytest.raises(EngineError, match=r"images is \(1, -1, -1, 3\): only its batch"):
        make_config(made, PlanOptions())


def test_a_builder_that_does_not_start_is_told_in_one_line() -> None:
    trt = module("10.3.0")

    class NoBuilder:
        def __init__(self, log: Any) -> None:
            log.log("ILogger.ERROR", "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")

    class Log:
        ERROR, INTERNAL_ERROR = "ILogger.ERROR", "ILogger.INTERNAL_ERROR"

    trt.Builder, trt.ILogger = NoBuilder, Log
    with pytest.raises(EngineError, match=r"TensorRT 10\.3\.0 does not start: CUDA init.*35"):
        read_network(trt, Path("model.onnx"))
