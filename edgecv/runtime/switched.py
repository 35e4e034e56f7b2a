"""An engine whose place another one takes while pictures come in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from edgecv.engines import Engine
from edgecv.types import Array, Image


class SwitchedEngine:
    """An Engine that passes everything on to the one that runs now.

    Args:
        engine: the first; closed with this one, or when another takes its place.
        open_variant: opens another of the same network by the name of its variant.

    Attributes:
        name, spec: of the engine that runs now.
    """

    def __init__(self, engine: Engine, open_variant: Callable[[str], Engine]) -> None:
        self._engine, self._open = engine, open_variant
        self.name, self.spec = engine.name, engine.spec
        self._lock = threading.Lock()
        self._opening = ThreadPoolExecutor(1, thread_name_prefix="edgecv-switch")

    def infer(self, batch: Image) -> list[Array]:
        return self.submit(batch).result()

    def submit(self, batch: Image) -> Future[list[Array]]:
        with self._lock:
            return self._engine.submit(batch)

    def switch(self, variant: str) -> Future[None]:
        """Open another beside, let it take over between two pictures, and close the old one.

        Pictures in flight are answered by the old one. The future is done when it is closed, so
        that there are two only meanwhile; it holds what opening raised, and then the old one
        runs on.
        """
        return self._opening.submit(self._switch, variant)

    def _switch(self, variant: str) -> None:
        engine = self._open(variant)
        size = engine.spec.input
        try:
            # backends choose and allocate in the first call: no frame should wait for that
            engine.infer(np.zeros((1, size.height, size.width, 3), np.uint8))
        except BaseException:
            engine.close()
            raise
        with self._lock:
            old, self._engine = self._engine, engine
            self.name, self.spec = engine.name, engine.spec
        old.close()

    def close(self) -> None:
        """Wait for a switch that has begun, then for the calls in flight; twice does no harm."""
        self._opening.shutdown(wait=True)
        self._engine.close()

    def __enter__(self) -> SwitchedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
