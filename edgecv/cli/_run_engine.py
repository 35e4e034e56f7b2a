"""The engine of `edgecv run`: which one, and opened while other things are made ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from edgecv.bundle import Bundle, Variant
from edgecv.cache import cache_folder
from edgecv.engines import Engine, open_engine
from edgecv.engines.tensorrt import why_not_here
from edgecv.errors import BundleError, pip_line
from edgecv.machine import available_cores
from edgecv.progress import say
from edgecv.runtime.switched import SwitchedEngine

# best first, among those that run here
PREFERRED = ("tensorrt", "openvino", "onnxruntime", "torch", "null")


def requests_here() -> int:
    """Engine calls at once: two, so that one is fetched while the other is computed, or more."""
    return max(2, min(4, available_cores() // 2))


def pick_variant(bundle: Bundle, engine: str | None) -> Variant:
    """The variant to run: by its name or its engine's, else the best that runs on this machine.

    Raises:
        BundleError: the bundle has none such.
    """
    if engine is not None:
        return bundle.variant(engine)
    variants = bundle.manifest.variants
    for name in PREFERRED:
        if any(variant.engine == name and runs_here(variant) for variant in variants):
            return bundle.variant(name)
    have = ", ".join(variant.name for variant in variants) or "none"
    raise BundleError(
        f"{bundle.folder}: none of its engines runs here; it has {have}. Install one: "
        f"{pip_line('openvino')}, or build one: edgecv build"
    )


def runs_here(variant: Variant) -> bool:
    """Whether this machine has what a variant's engine needs."""
    if variant.engine == "tensorrt":
        # one that was built; the others stand in for it until then
        return not variant.file.endswith(".onnx") and why_not_here() is None
    return variant.engine == "null" or find_spec(variant.engine) is not None


class EngineToBe:
    """An engine that opens while other things are made ready."""

    def __init__(self, future: Future[SwitchedEngine]) -> None:
        self._future = future

    def get(self) -> SwitchedEngine:
        """Wait for it.

        Raises:
            BundleError, EngineError, MissingExtraError: as `open_engine`.
        """
        return self._future.result()


def compiled_cache() -> Path | None:
    """Where compiled networks are kept; None where nothing can be: starting only takes longer."""
    folder = cache_folder() / "openvino"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"{folder}: cannot keep the compiled network ({error.strerror}); see EDGECV_CACHE")
        return None
    return folder if os.access(folder, os.W_OK) else None


@contextmanager
def opened_engine(bundle: Bundle, variant: Variant, requests: int) -> Iterator[EngineToBe]:
    """Open an engine in a thread, and close it, or what took its place, at the end."""
    cache = compiled_cache()

    def opened(name: str) -> Engine:
        named = next(one for one in bundle.manifest.variants if one.name == name)
        return open_engine(bundle, named, requests=requests, cache=cache)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(lambda: SwitchedEngine(opened(variant.name), opened))
        try:
            yield EngineToBe(future)
        finally:
            if future.exception() is None:
                future.result().close()
