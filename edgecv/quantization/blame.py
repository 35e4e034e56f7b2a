"""Whether an engine computes what its file says, and the first conv where it does not.

An engine may fuse, reorder and round otherwise than its Q/DQ nodes say, and a value that lies
between two steps then falls on the other one. That costs no more than quantisation does by itself.
An overflow or a kernel that is wrong costs more, and everything behind it is wrong too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx

from edgecv.bundle import OutputSpec
from edgecv.quantization.execute import Pictures, Runner, cut
from edgecv.quantization.network import Network
from edgecv.types import Array, Image

# opens a graph in an engine, to take one tensor of a batch
Opened = Callable[[onnx.ModelProto, str, Sequence[Image]], list[Array]]

# Two roundings of one value that share nothing differ by twice the noise of each; of an engine
# that computes as the file says, the distance stays under that.
EXPLAINED = 4.0
FLOOR = 1e-6  # of the power: float32 sums in another order


@dataclass(frozen=True)
class Departure:
    """Where an engine leaves its file.

    Attributes:
        node: the first conv whose output is wrong while what it reads is right; None where the
            detections alone are.
        sqnr_db: the file's answer there against the engine's distance from it.
    """

    node: str | None
    sqnr_db: float


def find_departure(
    network: Network,
    model: onnx.ModelProto,
    output: OutputSpec,
    pictures: Pictures,
    engine: Opened,
) -> Departure | None:
    """Compare an engine's answer with its file's; where it departs, search the graph for where.

    Args:
        network: the float graph.
        model: the same with Q/DQ, as the engine opens it.
        output: boxes and scores.
        pictures: to compare on; a few are enough.
        engine: computes a tensor of a graph for some batches.
    """
    batches = list(pictures)

    @cache
    def measured(tensor: str) -> tuple[bool, float]:
        return compare(network.model, model, tensor, batches, engine)

    wrong = [name for name in (output.scores, output.boxes) if measured(name)[0]]
    if not wrong:
        return None
    outputs = {layer.output: layer.name for layer in network.layers}
    before = _convs_before(network.model, list(outputs))
    found = first_departing(list(outputs), before, lambda tensor: measured(tensor)[0])
    if found is None:
        return Departure(None, measured(wrong[0])[1])
    return Departure(outputs[found], measured(found)[1])


def compare(
    exact: onnx.ModelProto,
    model: onnx.ModelProto,
    tensor: str,
    batches: Sequence[Image],
    engine: Opened,
) -> tuple[bool, float]:
    """Whether an engine departs from its file at a tensor, and the dB that it leaves there."""
    run_float, run_file = Runner(exact, [tensor]), Runner(model, [tensor])
    answers = engine(cut(model, [tensor]), tensor, batches)
    power = own = distance = 0.0
    for batch, answer in zip(batches, answers, strict=True):
        said = run_file(batch)[tensor].astype(np.float64)
        power += float((said**2).sum())
        own += float(((said - run_float(batch)[tensor]) ** 2).sum())
        distance += float(((said - answer) ** 2).sum())
    allowed = max(EXPLAINED * own, FLOOR * power)
    return distance > allowed, -10 * math.log10(max(distance, 1e-12) / max(power, 1e-12))


def first_departing(
    order: Sequence[str],
    before: Mapping[str, Sequence[str]],
    departs: Callable[[str], bool],
) -> str | None:
    """The first tensor that departs, found with about log2(len(order)) questions.

    Halving supposes that all behind a wrong tensor is wrong, which side branches need not be; so
    what is found that way is followed upwards as long as something before it departs as well.

    Args:
        order: tensors as they are computed.
        before: for each the tensors that it comes from directly.
        departs: whether a tensor is wrong.
    """
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if departs(order[middle]):
            high = middle
        else:
            low = middle + 1
    found = order[low] if low < len(order) else None
    while found is not None:
        earlier = next((name for name in before[found] if departs(name)), None)
        if earlier is None:
            return found
        found = earlier
    return None


def _convs_before(model: onnx.ModelProto, outputs: Sequence[str]) -> dict[str, list[str]]:
    writers = {name: node for node in model.graph.node for name in node.output}
    found = {}
    for tensor in outputs:
        waiting, seen = list(writers[tensor].input), set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in writers:
                continue
            seen.add(name)
            if name not in outputs:
                waiting.extend(writers[name].input)
        found[tensor] = [name for name in outputs if name in seen]
    return found
