"""Times of OpenVINO's nodes on CPUs, by its performance counters."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from edgecv.engines._layers import WARM_UP, Feeds, LayerTime, Profile
from edgecv.engines.openvino import package, reason_of
from edgecv.errors import EngineError

# times are whole microseconds: what is told as none took half of one, by and large
LEAST_MS = 5e-4
# what a conv is called once its bias is a node of its own
_SPLIT = "/WithoutBiases"


def profile(path: Path, feeds: Feeds, threads: int, calls: int) -> Profile:
    """As `edgecv.engines._layers.profile`."""
    ov = package(f"timing the layers of {path.name}")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
    }
    times: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    try:
        plain = ov.Core().compile_model(path, "CPU", settings).create_infer_request()
        counting = ov.Core().compile_model(path, "CPU", {**settings, "PERF_COUNT": True})
        request = counting.create_infer_request()
        for _ in range(WARM_UP):
            plain.infer(dict(feeds), share_inputs=True)
            request.infer(dict(feeds), share_inputs=True)
        whole = []
        for _ in range(calls):
            start = time.perf_counter()
            plain.infer(dict(feeds), share_inputs=True)
            whole.append((time.perf_counter() - start) * 1e3)
            request.infer(dict(feeds), share_inputs=True)
            for node in request.profiling_info:
                # what takes less than a microsecond is told as not run; a conv always runs
                if node.status == node.EXECUTED or node.node_type.endswith("Convolution"):
                    took = node.real_time.total_seconds() * 1e3
                    times[node.node_name].append(max(took, LEAST_MS))
                    kinds[node.node_name] = node.node_type
    except RuntimeError as error:
        raise EngineError(f"{path}: OpenVINO cannot time it: {reason_of(error)}") from error
    fused = _fused(counting)
    layers = (
        LayerTime(name, kinds[name], statistics.median(found), fused.get(name, ()))
        for name, found in times.items()
    )
    return Profile(statistics.median(whole), tuple(layers), str(ov.__version__))


def _fused(compiled: Any) -> dict[str, tuple[str, ...]]:
    """Names of the file's nodes in each node of the compiled graph."""
    found = {}
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        if "originalLayersNames" in info:
            names = info["originalLayersNames"].astype(str).split(",")
            plain = dict.fromkeys(name.removesuffix(_SPLIT) for name in names if name)
            found[node.get_friendly_name()] = tuple(plain)
    return found
