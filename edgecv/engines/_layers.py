"""Where an engine spends its time, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from edgecv.errors import UsageError

# the first calls allocate and choose kernels
WARM_UP = 3

Feeds = Mapping[str, Any]


class LayerTime(NamedTuple):
    """A node as the engine runs it.

    Attributes:
        name: the engine's own.
        kind: its operator, in the engine's words.
        ms: median over the calls.
        nodes: names in the ONNX file of what was fused into it, as far as the engine tells.
    """

    name: str
    kind: str
    ms: float
    nodes: tuple[str, ...]


class Profile(NamedTuple):
    """The times of one network.

    Attributes:
        whole_ms: median of a call in which the engine took no times of its own.
        layers: the nodes that ran.
        version: of the engine's package.
    """

    whole_ms: float
    layers: tuple[LayerTime, ...]
    version: str


Profiler = Callable[[Path, Feeds, int, int], Profile]

PROFILERS = {
    "openvino": "edgecv.engines._openvino_layers:profile",
    "onnxruntime": "edgecv.engines._onnxruntime_layers:profile",
}


def profile(engine: str, path: Path, feeds: Feeds, threads: int, calls: int) -> Profile:
    """Time every node of a file on an engine.

    Args:
        engine: a name of PROFILERS.
        path: what the engine opens: an ONNX file, or an IR for openvino.
        feeds: an array for each input, by its name.
        threads: cores to use.
        calls: timed calls.

    Raises:
        UsageError: the engine tells no times of its nodes.
        MissingExtraError: it is not installed.
        EngineError: it refuses the file.
    """
    if engine not in PROFILERS:
        raise UsageError(
            f"no times of single layers from the engine '{engine}'; expected one of "
            f"{', '.join(PROFILERS)}"
        )
    module, _, function = PROFILERS[engine].partition(":")
    profiler: Profiler = getattr(import_module(module), function)
    return profiler(path, feeds, threads, calls)
