"""Times of ONNX Runtime's nodes on CPUs, by its profiling file."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgecv.engines._layers import WARM_UP, Feeds, LayerTime, Profile
from edgecv.engines.onnxruntime import PROVIDERS, package
from edgecv.errors import EngineError

_KERNEL = "_kernel_time"
# what its optimiser adds to the name of a Conv that it lays out anew
_LAYOUT = "_nchwc"


def profile(path: Path, feeds: Feeds, threads: int, calls: int) -> Profile:
    """As `edgecv.engines._layers.profile`."""
    ort = package(f"timing the layers of {path.name}")
    with TemporaryDirectory() as folder:
        try:
            plain = _open(ort, path, threads, None)
            counting = _open(ort, path, threads, Path(folder) / "profile")
            whole = []
            for _ in range(WARM_UP + calls):
                start = time.perf_counter()
                plain.run(None, dict(feeds))
                whole.append((time.perf_counter() - start) * 1e3)
                counting.run(None, dict(feeds))
        except Exception as error:  # the vendor's exceptions share no base
            first = str(error).partition("\n")[0]
            raise EngineError(f"{path}: ONNX Runtime cannot time it: {first}") from error
        events = json.loads(Path(counting.end_profiling()).read_text("utf-8"))
    layers = tuple(_layers(events))
    return Profile(statistics.median(whole[WARM_UP:]), layers, str(ort.__version__))


def _open(ort: Any, path: Path, threads: int, profile: Path | None) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return ort.InferenceSession(str(path), options, providers=[PROVIDERS["cpu"]])


def _layers(events: list[dict[str, Any]]) -> list[LayerTime]:
    times: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_KERNEL):
            times[name.removesuffix(_KERNEL)].append(event["dur"] / 1e3)
            kinds[name.removesuffix(_KERNEL)] = event["args"]["op_name"]
    return [
        LayerTime(
            name,
            kinds[name],
            statistics.median(found[WARM_UP:]),
            (name.removesuffix(_LAYOUT),),
        )
        for name, found in times.items()
    ]
