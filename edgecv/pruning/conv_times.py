"""How long single convs take on an engine, at several numbers of channels; measured once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgecv.bundle import write_atomically
from edgecv.cache import cache_folder
from edgecv.engines._layers import profile
from edgecv.machine import read_cpu
from edgecv.metrics.latency import versions
from edgecv.models.onnx_write import IR_VERSION
from edgecv.progress import bar
from edgecv.pruning.convs import Conv

CALLS = 15
# convs of one file: enough to pay for opening it, few enough to fit in memory
TOGETHER = 24
# parts of a layer's channels at which it is measured; between them times are interpolated
SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)
OPSET = 17


class Engine(NamedTuple):
    """Where convs are timed: a name of the engines, and the cores it may use."""

    name: str
    threads: int


def counts(channels: int, round_to: int) -> tuple[int, ...]:
    """Numbers of channels at which a layer of so many is measured, ascending."""
    rounded = {
        min(channels, max(1, round(share * channels / round_to)) * round_to) for share in SHARES
    }
    return tuple(sorted(rounded | {channels}))


def conv_times(convs: Iterable[Conv], engine: Engine) -> dict[Conv, float]:
    """Milliseconds of each conv alone, with its activation where the engine fuses it.

    What was measured before on this machine, with this version of the engine, is taken from the
    cache.

    Raises:
        MissingExtraError, EngineError: of the engine.
    """
    wanted = list(dict.fromkeys(convs))
    path = cache_folder() / "conv_times" / f"{_machine_key(engine)}.json"
    known = _read(path)
    missing = [conv for conv in wanted if _key(conv) not in known]
    with bar("timing convs", len(missing)) as advance:
        left = iter(missing)
        while some := list(islice(left, TOGETHER)):
            known |= {_key(conv): ms for conv, ms in _measure(some, engine).items()}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(known, indent=0))
            for _ in some:
                advance()
    return {conv: known[_key(conv)] for conv in wanted}


def _measure(convs: Sequence[Conv], engine: Engine) -> dict[Conv, float]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "convs.onnx"
        onnx.save(_graph(convs), path)
        draw = np.random.default_rng(0)
        feeds = {
            f"x{i}": draw.standard_normal((1, conv.inputs, conv.height, conv.width), np.float32)
            for i, conv in enumerate(convs)
        }
        found = profile(engine.name, path, feeds, engine.threads, CALLS)
    by_node = {node: layer.ms for layer in found.layers for node in layer.nodes}
    # a conv into which its activation was fused may go by that one's name
    return {
        conv: by_node[f"conv{i}"] if f"conv{i}" in by_node else by_node[f"act{i}"]
        for i, conv in enumerate(convs)
    }


def _graph(convs: Sequence[Conv]) -> onnx.ModelProto:
    """A file of convs side by side, each with an input of its own."""
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    for i, conv in enumerate(convs):
        nodes += _nodes(i, conv)
        weights += _weights(i, conv)
    inputs = [
        helper.make_tensor_value_info(
            f"x{i}", TensorProto.FLOAT, [1, conv.inputs, conv.height, conv.width]
        )
        for i, conv in enumerate(convs)
    ]
    outputs = [
        helper.make_tensor_value_info(
            f"{'act' if conv.activation else 'conv'}{i}",
            TensorProto.FLOAT,
            [1, conv.outputs, *conv.out_hw],
        )
        for i, conv in enumerate(convs)
    ]
    graph = helper.make_graph(nodes, "convs", inputs, outputs, weights)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)


def _nodes(i: int, conv: Conv) -> list[onnx.NodeProto]:
    # outputs are named as the nodes that make them: engines tell of either
    nodes = [
        helper.make_node(
            "Conv",
            [f"x{i}", f"w{i}", f"b{i}"],
            [f"conv{i}"],
            f"conv{i}",
            group=conv.outputs if conv.depthwise else 1,
            kernel_shape=conv.kernel,
            strides=conv.stride,
            pads=conv.pads,
        )
    ]
    if conv.activation == "Silu":
        nodes.append(helper.make_node("Sigmoid", [f"conv{i}"], [f"gate{i}"], f"gate{i}"))
        nodes.append(helper.make_node("Mul", [f"conv{i}", f"gate{i}"], [f"act{i}"], f"act{i}"))
    elif conv.activation:
        nodes.append(helper.make_node(conv.activation, [f"conv{i}"], [f"act{i}"], f"act{i}"))
    return nodes


def _weights(i: int, conv: Conv) -> list[onnx.TensorProto]:
    shape = (conv.outputs, 1 if conv.depthwise else conv.inputs, *conv.kernel)
    weight = np.random.default_rng(i).standard_normal(shape, np.float32) * 0.1
    return [
        numpy_helper.from_array(weight, f"w{i}"),
        numpy_helper.from_array(np.zeros(conv.outputs, np.float32), f"b{i}"),
    ]


def _key(conv: Conv) -> str:
    return json.dumps(conv)


def _machine_key(engine: Engine) -> str:
    said = [read_cpu().model, *engine, versions((engine.name, "numpy"))]
    return f"{engine.name}-{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]}"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # none yet, or half of one: measured again
        return {}
    return dict(found) if isinstance(found, Mapping) else {}
