"""What an engine is, and the class that gives every backend's call the same manners."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from edgecv.bundle import ModelSpec
from edgecv.types import Array, Image

Call = Callable[[Image], list[Array]]
T = TypeVar("T")

# added to the nice value of threads that compute; of 2, 5 and 10 the first does little
GIVE_WAY = 5


class Engine(Protocol):
    """A network, ready to run. A context manager: leaving it closes it.

    Attributes:
        name: what computes, for people.
        spec: what the network takes and gives.
    """

    name: str
    spec: ModelSpec

    def infer(self, batch: Image) -> list[Array]:
        """Boxes (B, N, 4) float32 xyxy in input pixels, and scores (B, N, C) float32.

        Args:
            batch: (B, H, W, 3) uint8 BGR, letterboxed.

        Raises:
            ValueError: the batch is not what `spec` says.
            EngineError: the backend failed.
        """
        ...

    def submit(self, batch: Image) -> Future[list[Array]]:
        """`infer` without waiting; the batch must not change until the result is there."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Engine: ...

    def __exit__(self, *_: object) -> None: ...


class Built(NamedTuple):
    """What building an engine gave.

    Attributes:
        file: its name in the folder it was written to, or None: the source is opened as it is.
        details: what the builder says.
        requires: what a machine must have to open it.
    """

    file: str | None
    details: dict[str, Any]
    requires: dict[str, Any]


class PooledEngine:
    """An Engine made of one blocking call that may run in several threads at once.

    A thread a request, also for backends with callbacks: OpenVINO does not call back when a
    request fails, so that its future would wait for ever. The first call runs alone: backends
    finish their set-up in it, and two first calls at once of OpenVINO 2026.4 can wait for
    each other for ever, one with Python's lock and one with that of a static variable.

    The threads give way to the short stages around the engine: a decoder that waits for a core
    leaves the engine without pictures, and then the core is idle.
    """

    def __init__(
        self,
        name: str,
        spec: ModelSpec,
        call: Call,
        requests: int = 1,
        release: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.spec = spec
        self._call: Call | None = call
        self._release = release
        self._first, self._warm = threading.Lock(), False
        self._pool = ThreadPoolExecutor(
            requests, thread_name_prefix=f"edgecv-{name}", initializer=_give_way
        )

    def infer(self, batch: Image) -> list[Array]:
        return self._answer(self._checked(batch), batch)

    def submit(self, batch: Image) -> Future[list[Array]]:
        return self._pool.submit(self._answer, self._checked(batch), batch)

    def _answer(self, call: Call, batch: Image) -> list[Array]:
        if self._warm:
            return call(batch)
        with self._first:
            answer = call(batch)
            self._warm = True
        return answer

    def _checked(self, batch: Image) -> Call:
        check_batch(batch, self.spec)
        if self._call is None:
            raise ValueError(f"engine {self.name}: it is closed; open it again")
        return self._call

    def close(self) -> None:
        """Wait for the calls in flight and free the backend's memory; twice does no harm."""
        self._pool.shutdown(wait=True)
        self._call = None
        if self._release is not None:
            self._release()
            self._release = None

    def __enter__(self) -> PooledEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened_aside(opener: Callable[[], T]) -> T:
    """What `opener` gives, called in a thread that gives way, as those that it starts then do."""
    with ThreadPoolExecutor(1, initializer=_give_way) as aside:
        return aside.submit(opener).result()


def _give_way() -> None:
    # elsewhere priority belongs to processes
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nice = os.getpriority(os.PRIO_PROCESS, thread) + GIVE_WAY
        with suppress(OSError):  # a sandbox may forbid it, and everything works without
            os.setpriority(os.PRIO_PROCESS, thread, nice)


def check_batch(batch: Any, spec: ModelSpec) -> None:
    """Refuse what is not the (B, H, W, 3) uint8 array that the network takes.

    Raises:
        ValueError: naming what was found and what is expected.
    """
    size = spec.input
    found = f"{getattr(batch, 'shape', type(batch).__name__)} {getattr(batch, 'dtype', '')}".strip()
    expected = f"({size.batch or 'B'}, {size.height}, {size.width}, 3) uint8"
    right = (
        isinstance(batch, np.ndarray)
        and batch.dtype == np.uint8
        and batch.ndim == 4
        and batch.shape[1:] == (size.height, size.width, 3)
        and (batch.shape[0] == size.batch if size.batch else batch.shape[0] > 0)
    )
    if not right:
        raise ValueError(f"batch is {found}, expected {expected}, letterboxed BGR")
