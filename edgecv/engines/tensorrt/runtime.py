"""A plan, loaded on the GPU that it was built for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

from edgecv.bundle import Bundle, Variant
from edgecv.engines._engine import Call
from edgecv.engines.tensorrt.cuda import device
from edgecv.engines.tensorrt.identity import check_requirements, requirements
from edgecv.engines.tensorrt.network import collector, vendor
from edgecv.engines.tensorrt.request import Request
from edgecv.errors import EngineError
from edgecv.types import Array, Image


def open_plan(
    bundle: Bundle, variant: Variant, requests: int, again: str
) -> tuple[Call, Callable[[], None]]:
    """A function that runs a plan, and one that frees what it holds on the GPU.

    Args:
        bundle: the plan's hash has been checked against it.
        variant: of the plan.
        requests: calls at once, each with its own context, stream and buffers.
        again: how to build it here, for messages.

    Raises:
        MissingExtraError: tensorrt or cuda-python is not installed.
        EngineError: built for another version or GPU or from another network, or damaged.
    """
    path, spec = bundle.path(variant.file), bundle.spec
    trt, asked = vendor(f"opening {path.name}"), variant.details.get("asked", {})
    lasting, dla = bool(asked.get("version_compatible")), asked.get("dla")
    check_requirements(path, variant.requires, requirements(trt, device()), lasting, again)
    messages: list[str] = []
    engine = load(trt, path.read_bytes(), messages, dla=dla, brings_code=lasting)
    if engine is None:
        told = "".join(f" ({message})" for message in messages[-1:])
        raise EngineError(f"{path}: TensorRT cannot load it{told}. {again}")
    names = (spec.input.name, spec.output.boxes, spec.output.scores)
    made: list[Request] = []
    try:
        for _ in range(requests):
            # what the accelerator is given is not known to be part of a graph
            made.append(Request(engine, names, messages, record=dla is None))
    except BaseException:
        _close(made)
        raise
    return _caller(made), lambda: _close(made)


def load(trt: Any, plan: bytes, messages: list[str], *, dla: int | None, brings_code: bool) -> Any:
    """An engine; None: TensorRT refuses, and `messages` says why.

    Args:
        trt: TensorRT.
        plan: whose hash has been checked.
        messages: gets the errors that it logs, also later.
        dla: core of the accelerator; a plan does not keep the one that it was built with.
        brings_code: it may hold code of the version that made it.
    """
    runtime = trt.Runtime(collector(trt, messages))
    if dla is not None:
        runtime.DLA_core = dla
    if brings_code:
        runtime.engine_host_code_allowed = True
    return runtime.deserialize_cuda_engine(plan)


def _caller(requests: list[Request]) -> Call:
    free: SimpleQueue[Request] = SimpleQueue()
    for request in requests:
        free.put(request)

    def call(batch: Image) -> list[Array]:
        request = free.get()
        try:
            return request.run(batch)
        finally:
            free.put(request)

    return call


def _close(requests: list[Request]) -> None:
    with ExitStack() as closing:  # one that fails leaves none of the others open
        while requests:
            closing.callback(requests.pop().close)


def check_source(bundle: Bundle, variant: Variant, again: str) -> None:
    """Refuse a plan of a network that is not in the bundle any more.

    Raises:
        EngineError: saying so.
    """
    built_from: Any = variant.details.get("source_sha256")
    if built_from not in {record.sha256 for record in bundle.manifest.files.values()}:
        path = bundle.path(variant.file)
        raise EngineError(f"{path} was built from another network than the bundle's. {again}")
