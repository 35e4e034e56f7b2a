from __future__ import annotations

import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from small_bundles import small_graph
from tensorrt_api import module

from edgecv.bundle import sha256_of
from edgecv.engines.tensorrt import plan
from edgecv.engines.tensorrt.building import MemoryShortageError, build_serialized
from edgecv.engines.tensorrt.config import MB, make_config, workspace_bytes
from edgecv.engines.tensorrt.cuda import Device, checked, cudart, device
from edgecv.engines.tensorrt.fallbacks import not_in_int8, quantised_convs
from edgecv.engines.tensorrt.identity import check_requirements, requirements
from edgecv.engines.tensorrt.network import Network, by_message, read_network, vendor
from edgecv.engines.tensorrt.options import PlanOptions, batch_text, options_line, parse_batch
from edgecv.engines.tensorrt.plan import build_plan, check_accelerator, typed_sources
from edgecv.engines.tensorrt.timing_cache import check_cache, load_cache, save_cache
from edgecv.errors import EngineError, UsageError

# a builder of 1000 steps, one of which sees the key
SLOW_BUILD = """
import os, signal, time
from types import SimpleNamespace
from edgecv.engines.tensorrt.building import build_serialized

answers = []

class Monitor:
    def __init__(self):
        pass

def build(network, config):
    config.progress_monitor.phase_start("phase", None, 1000)
    time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)
    for step in range(1000):
        time.sleep(0.002)
        answers.append(config.progress_monitor.step_complete("phase", step))
        if not answers[-1]:
            break
    config.progress_monitor.phase_finish("phase")

vendor = SimpleNamespace(IProgressMonitor=Monitor, __version__="10")
builder = SimpleNamespace(build_serialized_network=build)
made = SimpleNamespace(vendor=vendor, builder=builder, network=None, messages=[])
try:
    build_serialized(made, SimpleNamespace(), "building")
except KeyboardInterrupt:
    print("stopped", answers[-1] is False and len(answers) < 1000)
"""


@pytest.mark.parametrize(
    ("text", "batch"), [("4", (4, 4, 4)), ("1:4:8", (1, 4, 8)), ("2:2:2", (2, 2, 2))]
)
def test_a_batch_is_one_number_or_three(text: str, batch: tuple[int, int, int]) -> None:
    assert parse_batch(text) == batch
    assert parse_batch(batch_text(batch)) == batch


def test_a_batch_is_told_as_one_number_where_it_is_one() -> None:
    assert batch_text((2, 2, 2)) == "2"
    assert batch_text((1, 4, 8)) == "1:4:8"


@pytest.mark.parametrize("text", ["", "0", "-1", "1:8", "8:4:1", "1:9:8", "a", "1:2:3:4", "1.5"])
def test_another_batch_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="--batch"):
        parse_batch(text)


def test_what_was_asked_for_can_be_asked_for_again() -> None:
    options = PlanOptions(batch=(1, 4, 8), workspace_mb=512, dla=0, version_compatible=True)
    line = options_line(options.asked())
    assert line == " --batch 1:4:8 --workspace 512 --dla 0 --version-compatible"
    assert options_line(PlanOptions().asked()) == ""


def test_scratch_memory_stays_within_what_is_free() -> None:
    assert workspace_bytes(None, 8000 * MB, unified=False) is None
    assert workspace_bytes(None, 8000 * MB, unified=True) == 4000 * MB
    assert workspace_bytes(512, 8000 * MB, unified=True) == 512 * MB
    with pytest.raises(UsageError, match=r"--workspace 900: 800 MB.*CPU and GPU share.*Ask for"):
        workspace_bytes(900, 800 * MB, unified=True)


HERE = {"tensorrt": "10.3.0", "gpu": "Orin sm_87"}


@pytest.mark.parametrize(
    ("built_for", "lasting", "runs"),
    [
        (HERE, False, True),
        ({**HERE, "tensorrt": "10.2.0"}, False, False),
        ({**HERE, "tensorrt": "10.2.0"}, True, True),
        ({**HERE, "tensorrt": "8.6.1"}, True, True),
        ({**HERE, "tensorrt": "7.1.3"}, True, False),
        ({**HERE, "tensorrt": "10.13.0"}, True, False),
        ({**HERE, "gpu": "Orin sm_72"}, False, False),
        ({**HERE, "gpu": "Orin sm_72"}, True, False),
        ({"tensorrt_rtx": "1.7.1", "gpu": "Orin sm_87"}, True, False),
        ({}, False, False),
    ],
)
def test_a_plan_of_another_version_or_gpu_is_refused_with_the_command_to_build_it(
    built_for: dict[str, Any], lasting: bool, runs: bool
) -> None:
    arguments = Path("a.plan"), built_for, HERE, lasting, "Build it here: edgecv build b"
    if runs:
        check_requirements(*arguments)
        return
    with pytest.raises(EngineError, match=r"a\.plan was built for .*here is .*Build it here"):
        check_requirements(*arguments)


def test_convs_that_run_wider_than_the_file_says_are_found_by_their_nodes() -> None:
    int8 = {"Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format"}
    half = {"Format/Datatype": "Row major linear FP16 format"}
    rows = [
        {"Name": "stem.conv + PWN(stem.act)", "Inputs": [int8]},
        {"Name": "__myl_Conv_1", "Metadata": "[ONNX Layer: a.conv]\x1f[ONNX Layer: a.act]",
         "Inputs": [half]},
        {"Name": "b.conv", "Inputs": [half]},
        {"Name": "shuffle", "Inputs": []},
        {"Name": "Reformatting CopyNode for Output Tensor 0 to c.conv", "LayerType": "Reformat",
         "Inputs": [half]},
    ]  # fmt: skip
    quantised = ["stem.conv", "a.conv", "c.conv"]
    assert not_in_int8(rows, quantised) == ["a.conv"]
    assert not_in_int8(rows, []) == not_in_int8([], quantised) == []


OPEN = {"Format/Datatype": "N/A due to dynamic shapes"}


def test_where_the_batch_is_open_the_weights_tell_the_type() -> None:
    rows = [
        {"Name": "a.conv", "Inputs": [OPEN], "Weights": {"Type": "Int8", "Count": 9}},
        {"Name": "b.conv", "Inputs": [OPEN], "Weights": {"Type": "Half", "Count": 9}},
        {"Name": "PWN(act)", "Inputs": [OPEN]},
    ]
    assert not_in_int8(rows, ["a.conv", "b.conv"]) == ["b.conv"]
    with pytest.raises(ValueError, match="no types of an open batch"):
        not_in_int8([{"Metadata": "[ONNX Layer: a.conv]", "Inputs": [OPEN]}], ["a.conv"])


@pytest.mark.parametrize(
    ("message", "node"),
    [
        ("Could not find any implementation for node stem.conv + silu.", "stem.conv"),
        ("In node 12 with name: x and operator: Resize", "12"),
        ("Network has dynamic inputs", ""),
    ],
)
def test_a_node_is_found_in_a_log_message(message: str, node: str) -> None:
    assert by_message(message) == {"node": node, "op": "", "reason": message}


def test_versions_that_keep_types_take_the_file_in_16_bits(tmp_path: Path) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    source, half = tmp_path / "a.onnx", tmp_path / "half.onnx"
    assert typed_sources(trt, source, PlanOptions(half=half)) == (source,)
    assert typed_sources(trt, source, PlanOptions("int8", half)) == (half, source)
    assert typed_sources(trt, source, PlanOptions("fp16", half)) == (half,)
    assert typed_sources(trt, source, PlanOptions("int8")) == (source,)
    with pytest.raises(EngineError, match="beside it is none in 16 bits"):
        typed_sources(trt, source, PlanOptions("fp16"))


# TensorRT-RTX is a real builder, and the only one that works without a GPU


@pytest.fixture
def made(tmp_path: Path) -> Network:
    trt = pytest.importorskip("tensorrt_rtx")
    onnx.save(small_graph(quantised="int8"), tmp_path / "a.onnx")
    found = read_network(trt, tmp_path / "a.onnx")
    assert found.refusals == []
    return found


def config_of(made: Network, options: PlanOptions | None = None) -> Any:
    config = make_config(made, options or PlanOptions(), workspace=64 * MB)
    config.num_compute_capabilities = 1
    config.set_compute_capability(made.vendor.ComputeCapability.SM86, 0)
    return config


def test_a_real_build_is_watched_to_its_end(made: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    phases: list[str] = []
    real = sys.modules["edgecv.engines.tensorrt.building"].bar  # type: ignore[attr-defined]

    def bar(title: str, total: int | None) -> Any:
        phases.append(title)
        return real(title, total)

    monkeypatch.setattr("edgecv.engines.tensorrt.building.bar", bar)
    assert len(build_serialized(made, config_of(made), "building small")) > 1000
    assert phases[0] == "building small"
    assert len(phases) > 1


def test_the_accelerator_of_a_machine_without_one_is_refused(made: Network) -> None:
    with pytest.raises(UsageError, match="--dla 0: this device has 0 cores"):
        make_config(made, PlanOptions(precision="int8", dla=0))


def test_ctrl_c_stops_a_build_at_its_next_step() -> None:
    # in a process of its own: where faulthandler runs beside OpenVINO, a signal ends the process
    done = subprocess.run(
        [sys.executable, "-c", SLOW_BUILD], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["stopped", "True"], done.stderr


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("Could not find any implementation for node conv.", True),
        ("Error Code 2: OutOfMemory (Requested size was 1 bytes)", True),
        ("Error Code 9: something else", False),
    ],
)
def test_a_builder_that_gives_up_says_why_and_what_memory_may_have_to_do_with_it(
    made: Network, message: str, hint: bool
) -> None:
    class Refuses:
        def build_serialized_network(self, network: Any, config: Any) -> None:
            made.messages.append(message)

    refused = made._replace(builder=Refuses())
    with pytest.raises(EngineError, match="cannot build it") as error:
        build_serialized(refused, config_of(made), "building")
    assert message in str(error.value)
    assert ("too little free memory" in str(error.value)) == hint


def test_the_convs_that_read_integers_are_known_from_the_file(made: Network) -> None:
    assert quantised_convs(made) == ["conv"]


class Config:
    """A builder's configuration with a timing cache that has one format, b"kernels..."."""

    def __init__(self) -> None:
        self.kept: bytes | None = None

    def create_timing_cache(self, content: bytes) -> bytes | None:
        return content or b"kernels" if content[:7] in (b"", b"kernels") else None

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert ignore_mismatch is False
        if b"other GPU" in cache:
            return False
        self.kept = cache
        return True

    def get_timing_cache(self) -> Any:
        return SimpleNamespace(serialize=lambda: self.kept)


TENSORRT = Network(
    SimpleNamespace(__name__="tensorrt"), None, None, None, [], False, ["cannot read the cache"]
)


def save(path: Path, content: bytes) -> None:
    config = Config()
    config.kept = content
    save_cache(TENSORRT, config, path)


def load(path: Path) -> bytes | None:
    config = Config()
    load_cache(TENSORRT, config, path)
    return config.kept


def test_a_timing_cache_is_kept_and_taken_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cache" / "a.timing"
    assert load(path) == b"kernels"
    save(path, b"kernels of ten layers")
    assert load(path) == b"kernels of ten layers"
    assert [one.name for one in path.parent.iterdir()] == ["a.timing"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("empty", "damaged, or no timing cache of edgecv"),
        ("garbage", "damaged, or no timing cache of edgecv"),
        ("flipped", "damaged, or no timing cache of edgecv"),
        ("other GPU", "not of this TensorRT and GPU"),
        ("other version", "not of this TensorRT and GPU"),
        ("folder", "cannot be read"),
    ],
)
def test_a_timing_cache_that_does_not_fit_is_told_and_a_new_one_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, told: str
) -> None:
    path = tmp_path / "a.timing"
    save(path, b"v9" if damage == "other version" else b"kernels of " + damage.encode())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage in ("empty", "garbage", "flipped"):
        path.write_bytes({"empty": b"", "garbage": b"x\ny", "flipped": bytes(content)}[damage])
    assert load(path) == b"kernels"
    line = " ".join(capsys.readouterr().err.split())
    assert line.startswith(f"{path}: {told}")
    assert "measures everything again" in line
    save(path, b"kernels")
    if damage == "folder":
        assert "the timing cache cannot be kept" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == [path]
    else:
        assert load(path) == b"kernels"
        assert capsys.readouterr().err == ""


def test_tensorrt_rtx_which_measures_while_running_gets_no_timing_cache(
    made: Network, tmp_path: Path
) -> None:
    config = config_of(made)
    load_cache(made, config, tmp_path / "a.timing")
    save_cache(made, config, tmp_path / "a.timing")
    assert not (tmp_path / "a.timing").exists()


# without a driver CUDA's own answers are real


@pytest.fixture
def no_driver() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    if int(runtime.cudaGetDeviceCount()[0]) == 0:
        pytest.skip("there is a GPU here")


@pytest.mark.usefixtures("no_driver")
def test_a_machine_without_a_driver_is_told_so_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    with pytest.raises(EngineError, match=r"cudaErrorInsufficientDriver.*no NVIDIA driver") as e:
        device()
    assert "\n" not in str(e.value)
    onnx.save(small_graph(), tmp_path / "a.onnx")
    with pytest.raises(EngineError, match="no NVIDIA driver"):
        build_plan(tmp_path / "a.onnx", tmp_path, "tensorrt-fp32", PlanOptions())
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_every_status_with_advice_is_one_of_cudas() -> None:
    pytest.importorskip("cuda.bindings.runtime")
    from edgecv.engines.tensorrt.cuda import _TOLD

    statuses = cudart().cudaError_t.__members__
    assert _TOLD.keys() <= statuses.keys()
    for name, told in _TOLD.items():
        with pytest.raises(EngineError) as error:
            checked((statuses[name], None))
        assert told in str(error.value)
    assert checked((statuses["cudaSuccess"], 1, 2)) == (1, 2)
    with pytest.raises(EngineError, match=r"cudaErrorLaunchTimeout.*edgecv doctor"):
        checked((statuses["cudaErrorLaunchTimeout"],))


@pytest.fixture
def device_of_rtx(monkeypatch: pytest.MonkeyPatch) -> Any:
    """All of build_plan but the driver: RTX builds for a GPU that is told, not found."""
    trt = pytest.importorskip("tensorrt_rtx")
    gpu = Device("Some GPU", "sm_86", 8000 * MB, 8000 * MB, False)

    def config_for_gpu(made: Network, options: PlanOptions, limit: int | None) -> Any:
        config = make_config(made, options, limit)
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.SM86, 0)
        return config

    monkeypatch.setattr(plan, "vendor", lambda reason: trt)
    monkeypatch.setattr(plan, "device", lambda: gpu)
    monkeypatch.setattr(plan, "make_config", config_for_gpu)
    monkeypatch.setattr(plan, "_wider", lambda trt, plan, integers, options: integers)
    return trt


def test_a_plan_says_what_it_was_built_from_and_for(tmp_path: Path, device_of_rtx: Any) -> None:
    source = tmp_path / "tensorrt-int8.onnx"
    onnx.save(small_graph(None, "int8"), source)
    options = PlanOptions(precision="int8", batch=(1, 4, 8))
    built = build_plan(source, tmp_path, "tensorrt-int8", options)
    file = tmp_path / str(built.file)
    assert file.name == f"tensorrt-int8.{sha256_of(file)[:8]}.plan"
    assert built.requires == {"tensorrt_rtx": device_of_rtx.__version__, "gpu": "Some GPU sm_86"}
    details = dict(built.details)
    assert details.pop("seconds") > 0
    assert details == {
        "source_sha256": sha256_of(source),
        "flags": ["REQUIRE_USER_ALLOCATION"],
        "typed_by": "file",
        "asked": {"batch": "1:4:8"},
        "batch": [1, 4, 8],
        "not_on_dla": [],
        "not_in_int8": ["conv"],
    }


@pytest.mark.usefixtures("device_of_rtx")
def test_a_mixture_of_types_that_is_not_built_gives_way_to_the_rest_in_float32(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, half = tmp_path / "tensorrt-int8.onnx", tmp_path / "tensorrt-int8-fp16.onnx"
    onnx.save(small_graph(quantised="int8"), source)
    model = small_graph(quantised="int8")
    model.graph.node[-1].op_type = "Frobnicate"
    onnx.save(model, half)
    built = build_plan(source, tmp_path, "tensorrt-int8", PlanOptions("int8", half))
    assert built.details["source_sha256"] == sha256_of(source)
    told = " ".join(capsys.readouterr().err.split())
    assert "sigmoid (Frobnicate)" in told
    assert "Building from tensorrt-int8.onnx in its place, whose rest is in float32" in told


@pytest.mark.usefixtures("device_of_rtx")
@pytest.mark.parametrize("dla", [None, 0])
def test_a_lack_of_memory_changes_no_types_and_the_accelerator_none_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dla: int | None
) -> None:
    tried: list[Path] = []

    def from_file(file: Path, *_: Any) -> Any:
        tried.append(file)
        raise EngineError("no kernels") if dla is not None else MemoryShortageError("out of memory")

    monkeypatch.setattr(plan, "_from_file", from_file)
    source, half = tmp_path / "a.onnx", tmp_path / "half.onnx"
    with pytest.raises(EngineError, match=r"no kernels|out of memory"):
        build_plan(source, tmp_path, "tensorrt-int8", PlanOptions("int8", half, dla=dla))
    assert tried == [half]


def test_the_first_builder_is_gone_when_the_second_file_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Builder:
        pass

    builders: list[weakref.ref[Builder]] = []

    def from_file(file: Path, *_: Any) -> Any:
        if builders:
            assert builders[0]() is None
            return file
        builder = Builder()
        builders.append(weakref.ref(builder))
        raise EngineError("no kernels")

    monkeypatch.setattr(plan, "_from_file", from_file)
    gpu = Device("GPU", "sm_86", 8000 * MB, 8000 * MB, False)
    files = (tmp_path / "half.onnx", tmp_path / "a.onnx")
    made: Any = plan._first_of(files, None, gpu, "a", PlanOptions())
    assert made == files[1]


def test_a_graph_that_the_parser_refuses_is_told_by_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    monkeypatch.setattr(plan, "vendor", lambda reason: trt)
    monkeypatch.setattr(plan, "device", lambda: Device("GPU", "sm_86", 8000 * MB, 8000 * MB, False))
    model = small_graph()
    model.graph.node[-1].op_type = "Frobnicate"
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(EngineError, match=r"cannot read 1 nodes: sigmoid \(Frobnicate\)"):
        build_plan(tmp_path / "a.onnx", tmp_path, "tensorrt-fp32", PlanOptions())


@pytest.mark.parametrize(
    ("version", "precision", "told"),
    [
        ("10.3.0", "fp32", "does not compute in float32. Take --precision fp16"),
        ("11.4.0.106", "fp32", "does not compute in float32. Take --precision fp16"),
        ("8.6.1", "int8", "takes no Q/DQ from TensorRT 8.6.1, so INT8 would run on the GPU"),
        ("10.7.0", "int8", "takes no Q/DQ from TensorRT 10.7.0, so INT8 would run on the GPU"),
        ("10.3.0", "fp16", None),
        ("11.4.0.106", "int8", None),
    ],
)
def test_the_accelerator_is_not_given_what_it_would_leave_to_the_gpu(
    version: str, precision: Any, told: str | None
) -> None:
    options = PlanOptions(precision=precision, dla=1)
    if told is None:
        check_accelerator(module(version), options)
        return
    with pytest.raises(UsageError, match=f"--dla 1: the accelerator {told}"):
        check_accelerator(module(version), options)


@pytest.mark.parametrize(
    ("shown_gb", "told"), [(3.4, "4 GB"), (7.4, "8 GB"), (15.3, "16 GB"), (29.9, "32 GB")]
)
def test_modules_of_one_name_differ_by_their_memory(shown_gb: float, told: str) -> None:
    trt = SimpleNamespace(__name__="tensorrt", __version__="10.3.0")
    module = Device("Orin", "sm_87", int(shown_gb * 2**30), 1 << 30, True)
    assert requirements(trt, module)["gpu"] == f"Orin sm_87 {told}"


def loaded(engine: Any, *said: str) -> Any:
    """A TensorRT whose runtime makes `engine` of any plan, and logs what is `said`."""

    class Runtime:
        def __init__(self, logger: Any) -> None:
            for message in said:
                logger.log(1, message)

        def deserialize_cuda_engine(self, plan: bytes) -> Any:
            return engine

    return SimpleNamespace(
        __version__="10.3.0",
        ILogger=type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0}),
        LayerInformationFormat=SimpleNamespace(JSON=0),
        Runtime=Runtime,
    )


def test_a_plan_that_its_own_builder_cannot_load_is_never_kept() -> None:
    with pytest.raises(EngineError, match=r"cannot load the plan that it built: no memory$"):
        plan._wider(loaded(None, "no memory"), b"plan", [], PlanOptions())


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"Layers": {}}'])
def test_a_version_that_does_not_tell_its_layers_costs_no_plan(
    text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    inspector = SimpleNamespace(get_engine_information=lambda kind: text)
    made = None if text is None else inspector
    engine = SimpleNamespace(create_engine_inspector=lambda: made)
    assert plan._wider(loaded(engine), b"plan", ["conv"], PlanOptions()) is None
    assert "which convs run in INT8 is not known" in " ".join(capsys.readouterr().err.split())


def test_a_package_whose_libraries_are_missing_is_installed_again_for_this_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorrt.py").write_text("raise ImportError('libnvinfer.so.10')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.setattr(sys, "executable", "/a venv/bin/python")
    told = r"libnvinfer.*'/a venv/bin/python' -m pip install --force-reinstall tensorrt$"
    with pytest.raises(EngineError, match=told):
        vendor("building")


def test_a_file_that_is_no_timing_cache_is_not_overwritten(tmp_path: Path) -> None:
    check_cache(None)
    check_cache(tmp_path / "new")
    with pytest.raises(UsageError, match=r"--timing-cache .*x: there is no folder .*nowhere"):
        check_cache(tmp_path / "nowhere" / "x")
    save(tmp_path / "ours", b"kernels")
    check_cache(tmp_path / "ours")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UsageError, match=r"photo\.jpg: it is none of edgecv's.*Name another"):
        check_cache(tmp_path / "photo.jpg")


def test_a_build_that_fails_keeps_what_it_measured(
    made: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Path] = []
    monkeypatch.setattr(plan, "read_network", lambda trt, file: made)
    monkeypatch.setattr(plan, "save_cache", lambda made, config, path: kept.append(path))
    gpu = Device("GPU", "sm_86", 8000 * MB, 8000 * MB, False)

    def build(made: Network, config: Any, title: str) -> bytes:
        raise EngineError("out of memory")

    monkeypatch.setattr(plan, "build_serialized", build)
    options = PlanOptions(timing_cache=tmp_path / "kept")
    with pytest.raises(EngineError, match="out of memory"):
        plan._from_file(tmp_path / "a.onnx", made.vendor, gpu, "a", options)
    assert kept == [tmp_path / "kept"]
