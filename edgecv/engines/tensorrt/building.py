"""The builder at work: in a thread, so that it can be watched and stopped."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from threading import Lock
from typing import Any

from edgecv.engines.tensorrt.network import Network
from edgecv.errors import EngineError
from edgecv.progress import Advance, bar

# how TensorRT says that there was not enough memory, and how it says what mostly means that
_MEMORY = ("OutOfMemory", "out of memory", "insufficient memory", "could not be allocated")
_MOSTLY_MEMORY = (*_MEMORY, "Could not find any impl")


class MemoryShortageError(EngineError):
    """There was not enough memory to build."""


def build_serialized(made: Network, config: Any, title: str) -> bytes:
    """The plan of a network.

    Ctrl-C stops it at its next step where this TensorRT can be watched, from 10 on; 8.6 goes on
    to its end first.

    Raises:
        MemoryShortageError, EngineError: the builder gives up, with its reasons.
    """
    with bar(title, None), ThreadPoolExecutor(1) as pool:
        monitor = _watch(made.vendor, config)
        try:
            build = made.builder.build_serialized_network
            plan = pool.submit(build, made.network, config).result()
        except BaseException:
            if monitor is not None:
                monitor.stopped = True
            raise
    if plan is None:
        kind = MemoryShortageError if _tells(made, _MEMORY) else EngineError
        raise kind(f"TensorRT {made.vendor.__version__} cannot build it: {_why(made)}")
    return bytes(plan)


def _why(made: Network) -> str:
    told = "; ".join(dict.fromkeys(made.messages[-3:])) or "it gave no reason"
    if _tells(made, _MOSTLY_MEMORY):
        told += (
            ". Mostly that means too little free memory: end other programs, "
            "take a smaller --workspace or --batch"
        )
    return told


def _tells(made: Network, signs: Collection[str]) -> bool:
    return any(sign in message for message in made.messages for sign in signs)


def _watch(trt: Any, config: Any) -> Any:
    """Show the builder's phases as bars; None where this version does not tell them."""
    if not hasattr(trt, "IProgressMonitor"):
        return None
    # the bar of the caller is in its context, which threads of the builder do not have
    ours, lock = copy_context(), Lock()
    shown: dict[str, tuple[AbstractContextManager[Advance], Advance]] = {}

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.stopped = False

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            with lock:
                opened = bar(name, steps)
                shown[name] = (opened, ours.run(opened.__enter__))

        def step_complete(self, name: str, step: int) -> bool:
            with lock:
                if name in shown:
                    shown[name][1]()
            return not self.stopped

        def phase_finish(self, name: str) -> None:
            with lock:
                if name in shown:
                    ours.run(shown.pop(name)[0].__exit__, None, None, None)

    monitor = Monitor()
    config.progress_monitor = monitor
    return monitor
