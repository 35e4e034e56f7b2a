"""One call at a time through a plan: its own context, stream, and buffers on both sides."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from edgecv.engines.tensorrt.cuda import checked, cudart
from edgecv.errors import EngineError
from edgecv.progress import say
from edgecv.types import Array, Image

_TYPES = {"UINT8": np.uint8, "FLOAT": np.float32, "HALF": np.float16}


class _Buffer(NamedTuple):
    """A tensor in pinned memory of the host, and the address of as many bytes on the device."""

    host: Array
    device: int


class Request:
    """Runs batches; what it holds on the GPU is freed by `close`.

    A network of one batch size is recorded as a CUDA graph, which starts it in one call. Who waits
    for an answer sleeps: by itself CUDA would keep a core busy for each.

    Args:
        engine: a loaded plan.
        names: of its input and of the outputs wanted.
        messages: what TensorRT logs, for errors.
        record: as a CUDA graph, where it can be.

    Raises:
        EngineError: memory is short, or a tensor is of another type than a detector's.
    """

    def __init__(
        self, engine: Any, names: Sequence[str], messages: list[str], record: bool = True
    ) -> None:
        self._cuda, self._messages = cudart(), messages
        self._input, *self._outputs = names
        self._context = engine.create_execution_context()
        if self._context is None:
            told = "cannot make a context; mostly the GPU's memory is full"
            raise EngineError(self._refusal(told))
        fewest, most = _batches(engine, self._input)
        self._batches = range(fewest, most + 1)
        self._picture = tuple(engine.get_tensor_shape(self._input))[1:]
        self._graph: Any = None
        with ExitStack() as held:
            self._stream, self._done = self._made(held)
            if engine.get_tensor_shape(self._input)[0] < 0 and not (
                # TensorRT 8 chooses it by itself for the first context only
                self._context.set_optimization_profile_async(0, int(self._stream))
            ):
                told = "refuses the plan's only profile for a second request"
                raise EngineError(self._refusal(told))
            self._set_batch(most)  # first: the sizes of the outputs follow from it
            self._buffers = {name: self._buffer(held, engine, name) for name in names}
            if record and fewest == most:
                self._graph = self._record(held)
            self._held = held.pop_all()

    def run(self, batch: Image) -> list[Array]:
        """The outputs for a batch, as float32.

        Raises:
            EngineError: the plan does not take that many pictures, or CUDA failed.
        """
        count = len(batch)
        if count not in self._batches:
            raise EngineError(
                f"a batch of {count} pictures: this plan takes {self._batches[0]} to "
                f"{self._batches[-1]}. Build it for others: edgecv build --batch"
            )
        if count != self._count:
            self._set_batch(count)
        np.copyto(self._buffers[self._input].host[:count], batch)
        if self._graph is not None:
            checked(self._cuda.cudaGraphLaunch(self._graph, self._stream))
        else:
            self._enqueue()
        self._wait()
        return [self._buffers[name].host[:count].astype(np.float32) for name in self._outputs]

    def close(self) -> None:
        try:
            self._held.close()
        finally:
            self._context = None  # before the engine, which it reads

    def _made(self, held: ExitStack) -> tuple[Any, Any]:
        cuda = self._cuda
        stream = checked(cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking))[0]
        held.callback(lambda: checked(cuda.cudaStreamDestroy(stream)))
        flags = cuda.cudaEventBlockingSync | cuda.cudaEventDisableTiming
        done = checked(cuda.cudaEventCreateWithFlags(flags))[0]
        held.callback(lambda: checked(cuda.cudaEventDestroy(done)))
        return stream, done

    def _wait(self) -> None:
        """Until the stream has done what it was given."""
        checked(self._cuda.cudaEventRecord(self._done, self._stream))
        checked(self._cuda.cudaEventSynchronize(self._done))

    def _refusal(self, what: str) -> str:
        return f"TensorRT {what}" + "".join(f" ({message})" for message in self._messages[-1:])

    def _buffer(self, held: ExitStack, engine: Any, name: str) -> _Buffer:
        kind = engine.get_tensor_dtype(name).name
        if kind not in _TYPES:
            raise EngineError(f"tensor {name} is {kind}; expected one of {', '.join(_TYPES)}")
        shape = tuple(self._context.get_tensor_shape(name))
        if min(shape) < 0:
            raise EngineError(
                f"tensor {name} is {shape}: its size depends on what is in the picture. Export "
                "the network without NMS: edgecv compress"
            )
        size = int(np.prod(shape)) * np.dtype(_TYPES[kind]).itemsize
        pinned = int(checked(self._cuda.cudaHostAlloc(size, self._cuda.cudaHostAllocDefault))[0])
        held.callback(lambda: checked(self._cuda.cudaFreeHost(pinned)))
        device = int(checked(self._cuda.cudaMalloc(size))[0])
        held.callback(lambda: checked(self._cuda.cudaFree(device)))
        raw = (ctypes.c_uint8 * size).from_address(pinned)
        if not self._context.set_tensor_address(name, device):
            raise EngineError(self._refusal(f"refuses the memory of tensor {name}"))
        return _Buffer(np.ctypeslib.as_array(raw).view(_TYPES[kind]).reshape(shape), device)

    def _set_batch(self, count: int) -> None:
        self._count = count
        shape = (count, *self._picture)
        if not self._context.set_input_shape(self._input, shape):
            raise EngineError(self._refusal(f"refuses an input of {shape}"))

    def _enqueue(self) -> None:
        kinds = self._cuda.cudaMemcpyKind
        self._copy(self._input, kinds.cudaMemcpyHostToDevice)
        if not self._context.execute_async_v3(int(self._stream)):
            raise EngineError(self._refusal("failed to start the network"))
        for name in self._outputs:
            self._copy(name, kinds.cudaMemcpyDeviceToHost)

    def _copy(self, name: str, kind: Any) -> None:
        host, device = self._buffers[name]
        here, size = int(host.ctypes.data), host.nbytes // len(host) * self._count
        up = kind == self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        target, source = (device, here) if up else (here, device)
        checked(self._cuda.cudaMemcpyAsync(target, source, size, kind, self._stream))

    def _record(self, held: ExitStack) -> Any:
        """The whole call as a graph; None where a layer cannot be recorded."""
        cuda = self._cuda
        self._enqueue()  # what TensorRT sets up in the first call cannot be recorded
        self._wait()
        mode = cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        checked(cuda.cudaStreamBeginCapture(self._stream, mode))
        try:
            try:
                self._enqueue()
            finally:  # or the stream would go on recording
                graph = checked(cuda.cudaStreamEndCapture(self._stream))[0]
                held.callback(lambda: checked(cuda.cudaGraphDestroy(graph)))
            # of all versions of CUDA the same, unlike cudaGraphInstantiate
            recorded = checked(cuda.cudaGraphInstantiateWithFlags(graph, 0))[0]
        except EngineError as error:
            say(f"no CUDA graph of this plan ({error}); its layers start one by one")
            self._messages.clear()  # or they would explain a later failure
            return None
        held.callback(lambda: checked(cuda.cudaGraphExecDestroy(recorded)))
        return recorded


def _batches(engine: Any, name: str) -> tuple[int, int]:
    """The fewest and the most pictures a call."""
    count, *_ = engine.get_tensor_shape(name)
    if count >= 0:
        return int(count), int(count)
    (fewest, *_), _, (most, *_) = engine.get_tensor_profile_shape(name, 0)
    return int(fewest), int(most)
