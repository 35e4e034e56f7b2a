from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_bundles import CLASSES, POINTS, SIDE, answer_of, picture_batch, small_bundle

from edgecv.bundle import Bundle, Variant
from edgecv.engines import open_engine, tensorrt
from edgecv.engines.tensorrt import request as request_module
from edgecv.engines.tensorrt.cuda import Device
from edgecv.engines.tensorrt.request import Request
from edgecv.errors import EngineError

runtime = pytest.importorskip("cuda.bindings.runtime")
NAMES = ("images", "boxes", "scores")
SUCCESS = runtime.cudaError_t.cudaSuccess


class Cuda:
    """CUDA on the host's own memory.

    Every call first goes to cuda-python itself, which checks the kinds of its arguments, and then,
    there being no driver, does nothing.
    """

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}
        self.streams = self.launches = self.handles = 0
        self.recorded: set[int] = set()
        self.recording: list[Callable[[], None]] | None = None
        self.fails: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(runtime, name)
        if not name.startswith("cuda") or not callable(real) or isinstance(real, type):
            return real
        mine = getattr(self, f"_{name}")

        def call(*arguments: Any) -> tuple[Any, ...]:
            assert int(real(*arguments)[0]) != 0  # no driver
            if name in self.fails:
                return (self.fails[name], None)
            given = mine(*arguments)
            return (SUCCESS,) if given is None else (SUCCESS, given)

        return call

    def _allocate(self, size: int) -> int:
        memory = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    def _free(self, address: int) -> None:
        del self.held[address]

    def _cudaHostAlloc(self, size: int, flags: int) -> int:
        return self._allocate(size)

    _cudaMalloc = _allocate
    _cudaFree = _cudaFreeHost = _free

    def _cudaStreamCreateWithFlags(self, flags: int) -> Any:
        self.streams += 1
        return runtime.cudaStream_t(self.streams)

    def _cudaStreamDestroy(self, stream: Any) -> None:
        self.streams -= 1

    def _cudaEventCreateWithFlags(self, flags: int) -> Any:
        assert flags & runtime.cudaEventBlockingSync, "who waits would keep a core busy"
        return runtime.cudaEvent_t(self._hold("event"))

    def _cudaEventDestroy(self, event: Any) -> None:
        del self.held[int(event)]

    def _cudaEventRecord(self, event: Any, stream: Any) -> None:
        assert self.recording is None
        self.recorded.add(int(event))

    def _cudaEventSynchronize(self, event: Any) -> None:
        assert int(event) in self.recorded

    def _cudaMemcpyAsync(self, target: int, source: int, size: int, kind: Any, stream: Any) -> None:
        self.do(lambda: ctypes.memmove(target, source, size))

    def do(self, work: Callable[[], Any]) -> None:
        work() if self.recording is None else self.recording.append(work)

    def _cudaStreamBeginCapture(self, stream: Any, mode: Any) -> None:
        self.recording = []

    def _cudaStreamEndCapture(self, stream: Any) -> Any:
        work, self.recording = self.recording, None
        return runtime.cudaGraph_t(self._hold(work))

    def _cudaGraphInstantiateWithFlags(self, graph: Any, flags: int) -> Any:
        return runtime.cudaGraphExec_t(self._hold(self.held[int(graph)]))

    def _cudaGraphLaunch(self, graph: Any, stream: Any) -> None:
        self.launches += 1
        for work in self.held[int(graph)]:
            work()

    def _cudaGraphDestroy(self, graph: Any) -> None:
        del self.held[int(graph)]

    _cudaGraphExecDestroy = _cudaGraphDestroy

    def _hold(self, work: Any) -> int:
        self.handles += 1
        self.held[self.handles] = work
        return self.handles


class Plan:
    """The small network as TensorRT's engine and context, computed by numpy."""

    def __init__(self, cuda: Cuda, batches: tuple[int, int]) -> None:
        self._cuda, self._batches = cuda, batches
        self._shapes = {
            "images": (SIDE, SIDE, 3),
            "boxes": (POINTS, 4),
            "scores": (POINTS, CLASSES),
        }
        self.refuses = self.no_context = self.no_profile = False
        self.open, self.profiles = batches[0] != batches[1], 0
        self.types = {"images": "UINT8", "boxes": "FLOAT", "scores": "FLOAT"}

    def create_execution_context(self) -> Any:
        return None if self.no_context else Context(self, self._cuda)

    def get_tensor_dtype(self, name: str) -> Any:
        return SimpleNamespace(name=self.types[name])

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1 if self.open else self._batches[0], *self._shapes[name])

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        fewest, most = self._batches
        return [(count, *self._shapes[name]) for count in (fewest, fewest, most)]


class Context:
    def __init__(self, plan: Plan, cuda: Cuda) -> None:
        self._plan, self._cuda = plan, cuda
        self._addresses: dict[str, int] = {}
        self._count = 0

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        assert (profile_index, type(stream_handle)) == (0, int)
        self._plan.profiles += 1
        return not self._plan.no_profile

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._count = shape[0]
        return shape[1:] == self._plan._shapes[name]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self._count, *self._plan._shapes[name])

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert isinstance(stream_handle, int)
        assert stream_handle > 0
        self._cuda.do(self._compute)
        return not (self._plan.refuses and self._cuda.recording is not None)

    def _compute(self) -> None:
        def tensor(name: str, kind: Any) -> Any:
            shape = self.get_tensor_shape(name)
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            raw = (ctypes.c_uint8 * size).from_address(self._addresses[name])
            return np.frombuffer(raw, kind).reshape(shape)

        boxes, scores = answer_of(tensor("images", np.uint8))
        tensor("boxes", np.float32)[:] = boxes
        tensor("scores", np.float32)[:] = scores


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cuda]:
    if int(runtime.cudaGetDeviceCount()[0]) == 0:
        pytest.skip("there is a GPU here")
    made = Cuda()
    monkeypatch.setattr(request_module, "cudart", lambda: made)
    yield made
    assert made.held == {}, "memory is left"
    assert made.streams == 0, "a stream is left"


def check(found: list[Any], batch: Any) -> None:
    for one, expected in zip(found, answer_of(batch), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, expected, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 4])
def test_one_batch_size_runs_as_a_recorded_graph(cuda: Cuda, count: int) -> None:
    request = Request(Plan(cuda, (count, count)), NAMES, [])
    for seed in range(3):
        batch = picture_batch(count, seed)
        check(request.run(batch), batch)
    assert cuda.launches == 3
    request.close()


def test_an_open_batch_takes_every_size_up_to_the_most(cuda: Cuda) -> None:
    request = Request(Plan(cuda, (1, 8)), NAMES, [])
    for count in (8, 1, 3, 8):
        batch = picture_batch(count, count)
        check(request.run(batch), batch)
    assert cuda.launches == 0
    with pytest.raises(
        EngineError, match=r"a batch of 9 pictures: this plan takes 1 to 8.*--batch"
    ):
        request.run(picture_batch(9))
    request.close()


def test_an_open_batch_of_one_size_is_recorded_and_has_its_profile(cuda: Cuda) -> None:
    plan = Plan(cuda, (1, 1))
    plan.open = True
    requests = [Request(plan, NAMES, []) for _ in range(2)]
    for request in requests:
        check(request.run(picture_batch()), picture_batch())
        request.close()
    # TensorRT 8 would give it to the first alone
    assert (cuda.launches, plan.profiles) == (2, 2)


def test_what_is_not_to_be_recorded_starts_layer_by_layer(cuda: Cuda) -> None:
    request = Request(Plan(cuda, (1, 1)), NAMES, [], record=False)
    check(request.run(picture_batch()), picture_batch())
    assert cuda.launches == 0
    request.close()


def test_an_error_says_what_tensorrt_says(cuda: Cuda) -> None:
    plan = Plan(cuda, (1, 1))
    plan.no_context = True
    with pytest.raises(EngineError, match=r"cannot make a context; .* \(CUDA lazy loading\)$"):
        Request(plan, NAMES, ["older", "CUDA lazy loading"])


def test_answers_stay_as_they_are_when_the_next_batch_comes(cuda: Cuda) -> None:
    request = Request(Plan(cuda, (1, 1)), NAMES, [])
    first = request.run(picture_batch(1, 1))
    request.run(picture_batch(1, 2))
    check(first, picture_batch(1, 1))
    request.close()


def test_layers_that_cannot_be_recorded_start_one_by_one_and_that_is_told(
    cuda: Cuda, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(cuda, (1, 1))
    plan.refuses = True
    request = Request(plan, NAMES, [])
    assert "no CUDA graph of this plan" in " ".join(capsys.readouterr().err.split())
    check(request.run(picture_batch()), picture_batch())
    assert cuda.launches == 0
    request.close()


@pytest.mark.parametrize(
    "function",
    ["cudaStreamCreateWithFlags", "cudaHostAlloc", "cudaMalloc", "cudaMemcpyAsync"],
)
def test_what_fails_half_way_leaves_nothing_behind(cuda: Cuda, function: str) -> None:
    cuda.fails[function] = runtime.cudaError_t.cudaErrorMemoryAllocation
    with pytest.raises(EngineError, match=r"cudaErrorMemoryAllocation.*memory is full"):
        Request(Plan(cuda, (1, 1)), NAMES, [])


def test_no_context_or_another_type_is_refused(cuda: Cuda) -> None:
    plan = Plan(cuda, (1, 1))
    plan.types["scores"] = "BF16"
    with pytest.raises(EngineError, match="tensor scores is BF16; expected one of UINT8"):
        Request(plan, NAMES, [])
    plan.no_context = True
    with pytest.raises(EngineError, match="cannot make a context"):
        Request(plan, NAMES, [])


def test_a_refused_profile_and_a_size_that_the_picture_decides_are_told(cuda: Cuda) -> None:
    plan = Plan(cuda, (1, 8))
    plan._shapes["boxes"] = (-1, 4)
    with pytest.raises(EngineError, match=r"tensor boxes is \(8, -1, 4\): .*without NMS"):
        Request(plan, NAMES, [])
    plan.no_profile = True
    with pytest.raises(EngineError, match="only profile"):
        Request(plan, NAMES, [])


def test_one_release_that_fails_leaves_no_other_undone(cuda: Cuda) -> None:
    request = Request(Plan(cuda, (1, 1)), NAMES, [])
    cuda.fails["cudaFree"] = runtime.cudaError_t.cudaErrorLaunchFailure
    with pytest.raises(EngineError, match="cudaErrorLaunchFailure"):
        request.close()
    assert len(cuda.held) == 3, "more than what cudaFree has refused"
    assert cuda.streams == 0
    cuda.held.clear()


# the whole engine, over that CUDA


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    made = small_bundle(tmp_path / "bundle")
    made.path("engines").mkdir()
    made.path("engines/tensorrt-fp32.0.plan").write_bytes(b"plan")
    made.save()
    return made


@pytest.fixture
def here(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine with a GPU; `loads` is what TensorRT makes of a plan."""
    machine = SimpleNamespace(loads=Plan(cuda, (1, 1)), code_allowed=False)

    class Runtime:
        engine_host_code_allowed = False
        DLA_core = -1

        def __init__(self, logger: Any) -> None:
            self.logger = logger

        def deserialize_cuda_engine(self, plan: bytes) -> Any:
            assert plan == b"plan"
            if machine.loads is None:
                self.logger.log(ILogger.ERROR, "Magic tag does not match")
            machine.code_allowed = self.engine_host_code_allowed
            machine.dla_core = self.DLA_core
            return machine.loads

    class ILogger:
        ERROR, INTERNAL_ERROR = 1, 0

    trt = SimpleNamespace(
        __name__="tensorrt", __version__="10.3.0", Runtime=Runtime, ILogger=ILogger
    )
    monkeypatch.setattr(tensorrt, "why_not_here", lambda: None)
    monkeypatch.setattr("edgecv.engines.tensorrt.runtime.vendor", lambda reason: trt)
    gpu = Device("Orin", "sm_87", 7 << 30, 1 << 32, True)
    monkeypatch.setattr("edgecv.engines.tensorrt.runtime.device", lambda: gpu)
    return machine


def variant_of(bundle: Bundle, **changes: Any) -> Variant:
    details = {"source_sha256": bundle.manifest.files["model.onnx"].sha256}
    return Variant(
        name="tensorrt-fp32",
        engine="tensorrt",
        precision="fp32",
        file="engines/tensorrt-fp32.0.plan",
        requires=changes.pop("requires", {"tensorrt": "10.3.0", "gpu": "Orin sm_87 8 GB"}),
        details={**details, **changes},
    )


@pytest.mark.usefixtures("here")
def test_a_plan_answers_several_calls_at_once(bundle: Bundle) -> None:
    with open_engine(bundle, variant_of(bundle), requests=3) as engine:
        batches = [picture_batch(1, seed) for seed in range(12)]
        futures = [engine.submit(batch) for batch in batches]
        for future, batch in zip(futures, batches, strict=True):
            check(future.result(), batch)
        assert threading.active_count() <= 4 + 1


def test_a_damaged_plan_is_refused_with_the_command_that_builds_it(
    bundle: Bundle, here: SimpleNamespace
) -> None:
    here.loads = None
    again = r"edgecv build \S+ --engine tensorrt --precision fp32 --batch 1:4:8$"
    with pytest.raises(EngineError, match=r"cannot load it \(Magic tag .* match\).*" + again):
        open_engine(bundle, variant_of(bundle, asked={"batch": "1:4:8"}))


@pytest.mark.usefixtures("here")
def test_a_stale_plan_is_refused_with_the_command_that_builds_it(bundle: Bundle) -> None:
    old = {"tensorrt": "10.3.0", "gpu": "Xavier sm_72"}
    with pytest.raises(EngineError, match=r"built for .*sm_72; here is .*sm_87.*edgecv build"):
        open_engine(bundle, variant_of(bundle, requires=old))
    with pytest.raises(EngineError, match=r"built from another network.*edgecv build"):
        open_engine(bundle, variant_of(bundle, source_sha256="0" * 64))


def test_only_a_plan_that_was_built_to_last_brings_code_of_its_own(
    bundle: Bundle, here: SimpleNamespace
) -> None:
    older = {"tensorrt": "8.6.1", "gpu": "Orin sm_87 8 GB"}
    with open_engine(bundle, variant_of(bundle)):
        assert not here.code_allowed
    lasting = variant_of(bundle, requires=older, asked={"version_compatible": True})
    with open_engine(bundle, lasting):
        assert here.code_allowed


def test_a_plan_for_an_accelerator_runs_on_its_core_and_is_not_recorded(
    bundle: Bundle, here: SimpleNamespace, cuda: Cuda
) -> None:
    with open_engine(bundle, variant_of(bundle, asked={"dla": 1})) as engine:
        engine.infer(picture_batch())
    assert (here.dla_core, cuda.launches) == (1, 0)
    with open_engine(bundle, variant_of(bundle)) as engine:
        engine.infer(picture_batch())
    assert (here.dla_core, cuda.launches) == (-1, 1)


def test_when_the_second_request_fails_the_first_is_freed(
    bundle: Bundle, here: SimpleNamespace, cuda: Cuda
) -> None:
    made = here.loads.create_execution_context
    contexts = iter([made(), None])
    here.loads.create_execution_context = lambda: next(contexts)
    with pytest.raises(EngineError, match="cannot make a context"):
        open_engine(bundle, variant_of(bundle), requests=2)
    assert cuda.held == {}
