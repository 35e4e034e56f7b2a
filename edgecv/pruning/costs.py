"""What a network costs with so many channels in each conv: multiply-accumulates or milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecv.errors import UsageError
from edgecv.metrics.layers import LayerTable, times_by_node
from edgecv.pruning.conv_times import Engine, conv_times, counts
from edgecv.pruning.convs import Conv
from edgecv.pruning.groups import Group

# kinds of layers that follow single convs, where an engine does not fuse them
ACTIVATIONS = frozenset({"QuickGelu", "HardSwish", "HardSigmoid", "Relu"})

Widths = Mapping[str, int]


class Costs(NamedTuple):
    """The cost of a network as a sum over its convs.

    Attributes:
        unit: of the sum, for people.
        fixed: what no cut changes.
        conv: (name, inputs, outputs) to the cost of that conv with so many channels, and of all
            that depends on its outputs alone.
        convs: of the network before the cut.
    """

    unit: str
    fixed: float
    conv: Callable[[str, int, int], float]
    convs: Mapping[str, Conv]


def total(costs: Costs, channels: Mapping[str, tuple[int, int]]) -> float:
    """The cost of a network whose convs have these inputs and outputs."""
    return costs.fixed + sum(costs.conv(name, *widths) for name, widths in channels.items())


def channels_of(
    convs: Mapping[str, Conv], groups: Sequence[Group], kept: Widths
) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of each conv when groups keep so many channels.

    Args:
        convs: before the cut.
        groups: of the same network.
        kept: channels left in each group, by its name; all where it is not named.
    """
    found = {name: [conv.inputs, conv.outputs] for name, conv in convs.items()}
    for group in groups:
        gone = group.width - kept.get(group.name, group.width)
        for name, times in group.inputs.items():
            found[name][0] -= gone * times
        for name, times in group.outputs.items():
            found[name][1] -= gone * times
    return {
        name: (outputs if convs[name].depthwise else inputs, outputs)
        for name, (inputs, outputs) in found.items()
    }


def macs_costs(convs: Mapping[str, Conv]) -> Costs:
    """Multiply-accumulates of one picture."""
    return Costs("MACs", 0.0, lambda name, *widths: convs[name].macs(*widths), convs)


def latency_costs(
    convs: Mapping[str, Conv],
    table: LayerTable,
    names: Mapping[str, Sequence[str]],
    round_to: int,
    engine: Engine,
) -> Costs:
    """Milliseconds of a call on an engine.

    A conv takes its time in the network, as the table says, times how much faster it is alone
    with fewer channels; activations that the engine does not fuse take theirs in proportion to
    the values that convs make. All else, most of it before the first conv and behind the last, is
    taken to stay as it is: a cut gains rather more than is promised.

    Args:
        convs: of the network.
        table: layer times of the whole network.
        names: by conv what the table may call it, in order.
        round_to: channels are cut in multiples of it.
        engine: that of the table.

    Raises:
        UsageError: the table is of another network.
        EngineError: a conv cannot be measured.
    """
    told = times_by_node(table)
    times = {
        name: told[called]
        for name in convs
        if (called := next((one for one in names[name] if one in told), None)) is not None
    }
    if missing := [name for name in convs if name not in times]:
        raise UsageError(
            f"layer times of {table.variant}: {len(missing)} of {len(convs)} convs are not there, "
            f"e.g. {missing[0]}; they are of another network. Measure this one: "
            f"edgecv bench BUNDLE --layers --engine {engine.name}"
        )
    grids = _grids(convs, round_to, engine)
    # the layers make up the whole: taking their times slows them, starting them takes time too
    slowed = table.layers_ms / table.whole_ms
    inside = {
        name: times[name] / slowed / grids[name].at(conv.inputs, conv.outputs)
        for name, conv in convs.items()
    }
    acts = sum(layer.ms for layer in table.layers if layer.kind in ACTIVATIONS) / slowed
    a_value = acts / sum(_volume(conv, conv.outputs) for conv in convs.values())

    def conv_ms(name: str, inputs: int, outputs: int) -> float:
        made = a_value * _volume(convs[name], outputs)
        return inside[name] * grids[name].at(inputs, outputs) + made

    fixed = table.whole_ms - sum(times.values()) / slowed - acts
    return Costs("ms", max(fixed, 0.0), conv_ms, convs)


class _Grid(NamedTuple):
    """Times of a conv at some numbers of channels, between which they are interpolated."""

    inputs: Sequence[int]
    outputs: Sequence[int]
    ms: NDArray[np.float64]

    def at(self, inputs: int, outputs: int) -> float:
        rows = [float(np.interp(outputs, self.outputs, row)) for row in self.ms]
        return float(np.interp(inputs, self.inputs, rows))


def _grids(convs: Mapping[str, Conv], round_to: int, engine: Engine) -> dict[str, _Grid]:
    corners = {name: list(_corners(conv, round_to)) for name, conv in convs.items()}
    measured = conv_times((conv for row in corners.values() for conv in row), engine)
    found = {}
    for name, conv in convs.items():
        outputs = counts(conv.outputs, round_to)
        inputs = (conv.inputs,) if conv.depthwise else counts(conv.inputs, round_to)
        ms = np.array([measured[corner] for corner in corners[name]])
        # a conv of fewer channels takes no longer: where it was measured so, that was noise
        ms = ms.reshape(len(inputs), len(outputs))
        for axis in (0, 1):
            ms = np.flip(np.minimum.accumulate(np.flip(ms, axis), axis), axis)
        found[name] = _Grid(inputs, outputs, ms)
    return found


def _corners(conv: Conv, round_to: int) -> Iterator[Conv]:
    outputs = counts(conv.outputs, round_to)
    if conv.depthwise:
        yield from (conv._replace(inputs=count, outputs=count) for count in outputs)
        return
    for inputs in counts(conv.inputs, round_to):
        yield from (conv._replace(inputs=inputs, outputs=count) for count in outputs)


def _volume(conv: Conv, outputs: int) -> int:
    height, width = conv.out_hw
    return outputs * height * width
