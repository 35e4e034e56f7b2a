"""TensorRT plans on the device that has the GPU: build, load, run. Never run without one.

Source: the API tables of TensorRT 8.6 to 11, features asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from edgecv.bundle import ModelSpec
from edgecv.engines._engine import Call
from edgecv.engines.tensorrt.network import Network, is_dynamic, read_network, vendor
from edgecv.errors import EngineError, MissingExtraError
from edgecv.types import Array, Image


def build_plan(source: Path, target: Path) -> dict[str, str]:
    """Write a plan for this GPU; what comes back is the version and the GPU that it needs.

    Raises:
        MissingExtraError: tensorrt or cuda-python is not installed.
        EngineError: TensorRT refuses the graph; naming the nodes.
    """
    made = read_network(vendor(f"building {target.name}"), source)
    if made.refusals:
        told = "; ".join(f"{r['node']} ({r['op']}): {r['reason']}" for r in made.refusals[:5])
        raise EngineError(f"{source}: TensorRT cannot read {len(made.refusals)} nodes: {told}")
    if is_dynamic(made):
        raise EngineError(
            f"{source}: a plan needs a fixed batch, and this file leaves it open. "
            "Export it again: edgecv compress --set export.batch=1"
        )
    plan = made.builder.build_serialized_network(made.network, _config(made))
    if plan is None:
        raise EngineError(
            f"{source}: TensorRT cannot build it here: {'; '.join(made.messages[-3:])}. "
            "'Could not find any implementation' often means too little free memory"
        )
    target.write_bytes(bytes(plan))
    return _machine(made.vendor)


def _config(made: Network) -> Any:
    trt, config = made.vendor, made.builder.create_builder_config()
    flags = trt.BuilderFlag.__members__
    if "TF32" in flags:  # on by default; with it fp32 is not fp32
        config.clear_flag(flags["TF32"])
    if not made.strongly_typed:
        quantised = any(
            made.network.get_layer(index).type == trt.LayerType.QUANTIZE
            for index in range(made.network.num_layers)
        )
        for name in ("INT8", "FP16") if quantised else ():
            if name in flags:
                config.set_flag(flags[name])
    return config


def _machine(trt: Any) -> dict[str, str]:
    cudart = _cuda()
    properties = _checked(cudart.cudaGetDeviceProperties(0))[0]
    name = properties.name.decode() if isinstance(properties.name, bytes) else properties.name
    capability = f"sm_{properties.major}{properties.minor}"
    return {trt.__name__: str(trt.__version__), "gpu": f"{name} {capability}"}


def open_plan(
    path: Path, spec: ModelSpec, requires: dict[str, Any], requests: int, again: str
) -> tuple[Call, Callable[[], None]]:
    """A function that runs a plan, and one that frees what it holds on the GPU.

    Args:
        path: the plan; its hash has been checked.
        spec: names and shapes; the batch must be fixed.
        requires: the version and GPU it was built for.
        requests: calls at once, each with its own context, stream and buffers.
        again: how to build it here, for messages.

    Raises:
        MissingExtraError: tensorrt or cuda-python is not installed.
        EngineError: built for another version or GPU, or damaged.
    """
    trt = vendor(f"opening {path.name}")
    here = _machine(trt)
    if requires != here:
        raise EngineError(f"{path} was built for {requires}; this device is {here}. {again}")
    logger = trt.Logger(trt.Logger.ERROR)
    runtime = trt.Runtime(logger)
    engine = runtime.deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise EngineError(f"{path}: TensorRT cannot load it. {again}")
    free: SimpleQueue[_Request] = SimpleQueue()
    made = [_Request(engine, trt, spec) for _ in range(requests)]
    for request in made:
        free.put(request)

    def call(batch: Image) -> list[Array]:
        request = free.get()
        try:
            return request.run(batch)
        finally:
            free.put(request)

    def release() -> None:
        for request in made:
            request.free()

    return call, release


class _Request:
    """A context with a stream, and for each tensor a pinned host buffer and a device buffer."""

    def __init__(self, engine: Any, trt: Any, spec: ModelSpec) -> None:
        self._cudart = _cuda()
        self._spec = spec
        self._context = engine.create_execution_context()
        self._stream = _checked(self._cudart.cudaStreamCreate())[0]
        self._buffers: dict[str, tuple[Any, int, int]] = {}
        for name in (spec.input.name, spec.output.boxes, spec.output.scores):
            shape = tuple(engine.get_tensor_shape(name))
            host = np.empty(shape, trt.nptype(engine.get_tensor_dtype(name)))
            _checked(self._cudart.cudaHostRegister(host.ctypes.data, host.nbytes, 0))
            device = _checked(self._cudart.cudaMalloc(host.nbytes))[0]
            self._context.set_tensor_address(name, int(device))
            self._buffers[name] = (host, int(device), host.nbytes)

    def run(self, batch: Image) -> list[Array]:
        kind = self._cudart.cudaMemcpyKind
        host, device, size = self._buffers[self._spec.input.name]
        np.copyto(host, batch)
        self._copy(device, host.ctypes.data, size, kind.cudaMemcpyHostToDevice)
        if not self._context.execute_async_v3(int(self._stream)):
            raise EngineError("TensorRT failed to start the network")
        outputs = [self._buffers[n] for n in (self._spec.output.boxes, self._spec.output.scores)]
        for host, device, size in outputs:
            self._copy(host.ctypes.data, device, size, kind.cudaMemcpyDeviceToHost)
        _checked(self._cudart.cudaStreamSynchronize(self._stream))
        return [host.astype(np.float32) for host, _, _ in outputs]

    def _copy(self, target: int, source: int, size: int, kind: Any) -> None:
        _checked(self._cudart.cudaMemcpyAsync(target, source, size, kind, self._stream))

    def free(self) -> None:
        for host, device, _ in self._buffers.values():
            _checked(self._cudart.cudaFree(device))
            _checked(self._cudart.cudaHostUnregister(host.ctypes.data))
        self._buffers.clear()
        _checked(self._cudart.cudaStreamDestroy(self._stream))


def _cuda() -> Any:
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise MissingExtraError("cuda.bindings", "tensorrt", "running TensorRT") from error
    return runtime


def _checked(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    status, *values = answer
    if int(status) != 0:
        raise EngineError(f"CUDA failed: {status.name}. See what this machine has: edgecv doctor")
    return tuple(values)
