"""The network as the engine gets it: its graph, its convs, and its time."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import onnx

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, Variant
from edgecv.engines import build_engine, open_engine
from edgecv.engines._layers import profile
from edgecv.metrics.layers import CALLS, LayerTable, as_table, noise
from edgecv.models.deploy import Deployed
from edgecv.models.detector import Detector
from edgecv.models.export_torch import WRAPPER, export_onnx
from edgecv.models.onnx_write import write_graph
from edgecv.pruning.conv_times import Engine

# the networks take turns: what slows the machine for a second slows both
ROUNDS, TURN, WARM_UP = 10, 8, 5
OPSET = 17


def export(model: Detector, size: int, path: Path) -> onnx.ModelProto:
    """Write the float graph of a network for `size` pixels; engines simplify it themselves."""
    network = Deployed(model.cpu(), size, size)
    graph = export_onnx(network, size, size, 1, OPSET)
    return write_graph(graph, path, simplify=True, drop_prefix=WRAPPER)


def measure(path: Path, size: int, engine: Engine) -> LayerTable:
    """Layer times of a file of `export` on an engine, built as a bundle's are.

    Raises:
        MissingExtraError, EngineError: of the engine.
    """
    feeds = {"images": noise(1, size, size)}
    found = profile(engine.name, _built(path, engine), feeds, engine.threads, CALLS)
    return as_table(found, f"{engine.name}-fp32", engine.name, engine.threads)


def compare(paths: Sequence[Path], size: int, engine: Engine) -> list[float]:
    """Median milliseconds of a call of each file, all timed in turns.

    Raises:
        MissingExtraError, EngineError: of the engine.
    """
    spec = ModelSpec(name="compared", class_names=(), input=InputSpec(width=size, height=size))
    picture = noise(1, size, size)
    samples: list[list[float]] = [[] for _ in paths]
    with ExitStack() as stack:
        opened = [
            stack.enter_context(
                open_engine(
                    Bundle(path.parent, Manifest(spec=spec)),
                    Variant(name=path.stem, engine=engine.name, precision="fp32", file=path.name),
                    threads=engine.threads,
                )
            )
            for path in (_built(path, engine) for path in paths)
        ]
        for number in range(ROUNDS):
            for network, times in zip(opened, samples, strict=True):
                for _ in range(TURN + (WARM_UP if not number else 1)):
                    start = time.perf_counter()
                    network.infer(picture)
                    times.append((time.perf_counter() - start) * 1e3)
                del times[: -TURN * (number + 1)]
    return [statistics.median(times) for times in samples]


def _built(path: Path, engine: Engine) -> Path:
    folder = path.with_name(f"{engine.name}-{path.stem}")
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier try of the same cut
    folder.mkdir()
    built = build_engine(engine.name, path, folder, path.stem)
    return path if built.file is None else folder / built.file
