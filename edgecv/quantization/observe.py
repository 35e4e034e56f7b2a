"""What flows through a float graph: ranges, histograms and second moments of its tensors.

Everything is a sum or an extreme over pictures, so memory depends on the network and never on
how many pictures there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgecv.progress import bar
from edgecv.quantization.execute import Pictures, Runner
from edgecv.quantization.network import Layer, Network
from edgecv.types import Array

Floats = NDArray[np.float64]
Item = TypeVar("Item")

BINS = 1024  # a channel: four to a step of int8, so that the error inside a step is seen
TENSOR_BYTES = 256 << 20  # of tensors taken out of the graph in one pass
COUNTED = 4096  # values counted a channel and picture: large maps are thinned, extremes are not
MOMENT_BYTES = 256 << 20  # of second moments summed in one pass
POSITIONS = 128  # places sampled a picture for the second moments
MOMENT_PICTURES = 64  # 64 x 128 samples: more than the columns of any conv of a YOLO-S


@dataclass(frozen=True)
class Histogram:
    """How often each value occurs in each channel of a tensor.

    Attributes:
        low, high: (C,) smallest and largest value seen.
        counts: (C, BINS) values in each step between them.
    """

    low: Floats
    high: Floats
    counts: NDArray[Any]

    @property
    def values(self) -> Floats:
        """(C, BINS) the middle of each step."""
        steps = (np.arange(BINS) + 0.5) / BINS
        return np.asarray(self.low[:, None] + steps * (self.high - self.low)[:, None])

    @property
    def peak(self) -> Floats:
        """(C,) largest magnitude."""
        return np.maximum(np.maximum(self.high, -self.low), 1e-6)


@dataclass
class Moments:
    """Sums over sampled patches of a conv's input, as the conv reads them.

    Attributes:
        products: (G, K, K) mean of x x^T of the quantised input.
        quantised: (G, K) its mean.
        exact: (G, K) mean of the float input.
    """

    products: Array
    quantised: Array
    exact: Array


def observe(network: Network, tensors: Sequence[str], pictures: Pictures) -> dict[str, Histogram]:
    """A histogram of each tensor over all pictures: one pass for the ranges, one for the counts."""
    found: dict[str, Histogram] = {}
    groups = list(_groups(tensors, lambda name: network.sizes.get(name, 0), TENSOR_BYTES))
    with bar("calibrating", 2 * len(groups) * len(pictures)) as advance:
        for names in groups:
            run = Runner(network.model, names)
            extremes = _extremes(run, pictures, advance)
            found.update(_counts(run, pictures, extremes, advance))
    return found


def _groups(items: Iterable[Item], size: Callable[[Item], int], limit: int) -> Iterator[list[Item]]:
    """Neighbours whose sizes in bytes stay within a limit together; one alone may exceed it."""
    group: list[Item] = []
    total = 0
    for item in items:
        if group and total + size(item) > limit:
            yield group
            group, total = [], 0
        group.append(item)
        total += size(item)
    if group:
        yield group


def _moment_bytes(layer: Layer) -> int:
    return int(layer.groups * layer.grouped_weight.shape[2] ** 2 * 4)


def _by_channel(value: Array) -> Array:
    """(B, C, H, W) to (C, B * H * W)."""
    rows: Array = value.swapaxes(0, 1).reshape(value.shape[1], -1)
    return rows


def _extremes(
    run: Runner, pictures: Pictures, advance: Callable[[], None]
) -> dict[str, tuple[Floats, Floats]]:
    found: dict[str, tuple[Floats, Floats]] = {}
    for batch in pictures:
        for name, value in run(batch).items():
            rows = _by_channel(value)
            low, high = rows.min(axis=1).astype(np.float64), rows.max(axis=1).astype(np.float64)
            if name in found:
                low, high = np.minimum(low, found[name][0]), np.maximum(high, found[name][1])
            found[name] = (low, high)
        advance()
    return found


def _counts(
    run: Runner,
    pictures: Pictures,
    extremes: dict[str, tuple[Floats, Floats]],
    advance: Callable[[], None],
) -> dict[str, Histogram]:
    counts = {name: np.zeros(len(low) * BINS, np.uint32) for name, (low, _) in extremes.items()}
    for index, batch in enumerate(pictures):
        for name, value in run(batch).items():
            rows = _by_channel(value)
            step = -(-rows.shape[1] // COUNTED)
            rows = rows[:, index % step :: step]  # another phase each time: no place is left out
            low, high = (edge.astype(np.float32)[:, None] for edge in extremes[name])
            # just under BINS, so that the largest value falls into the last step
            steps = ((rows - low) * ((BINS - 1e-3) / np.maximum(high - low, 1e-9))).astype(np.int32)
            steps += np.arange(len(rows), dtype=np.int32)[:, None] * BINS
            found = np.bincount(steps.reshape(-1), minlength=len(counts[name]))
            counts[name] += found.astype(np.uint32)
        advance()
    return {
        name: Histogram(*extremes[name], total.reshape(-1, BINS)) for name, total in counts.items()
    }


Quantise = Callable[[Array], Array]


def moments(
    network: Network, layers: Mapping[str, Quantise], pictures: Pictures
) -> Iterator[tuple[Layer, Moments]]:
    """The second moments of each conv's input; a few convs at a time, so that memory is bounded.

    Args:
        network: the float graph.
        layers: for each conv, by name: its input (C, N) as it will arrive there once quantised.
        pictures: a sample of them is used.
    """
    sample = pictures.spread(MOMENT_PICTURES)
    wanted = [layer for layer in network.layers if layer.name in layers]
    groups = list(_groups(wanted, _moment_bytes, MOMENT_BYTES))
    with bar("measuring inputs", len(groups) * len(sample)) as advance:
        for group in groups:
            run = Runner(network.model, sorted({layer.input for layer in group}))
            sums = {layer.name: _zero_moments(layer) for layer in group}
            random = np.random.default_rng(0)
            for batch in sample:
                values = run(batch)
                for layer in group:
                    patches = _patches(layer, values[layer.input], random)
                    _add(sums[layer.name], layer, patches, layers[layer.name])
                advance()
            for layer in group:
                yield layer, _mean(sums.pop(layer.name), len(sample))


def _zero_moments(layer: Layer) -> Moments:
    groups, _, columns = layer.grouped_weight.shape
    return Moments(
        np.zeros((groups, columns, columns), np.float32),
        np.zeros((groups, columns), np.float32),
        np.zeros((groups, columns), np.float32),
    )


def _patches(layer: Layer, value: Array, random: np.random.Generator) -> Array:
    """(C, kh * kw, POSITIONS) of a (B, C, H, W) tensor, at random places where the conv stands."""
    top, left, bottom, right = layer.pads
    padded = value
    if any(layer.pads):
        padded = np.pad(value, ((0, 0), (0, 0), (top, bottom), (left, right)))
    kernel = layer.weight.shape[2:]
    span = [(size - 1) * step + 1 for size, step in zip(kernel, layer.dilations, strict=True)]
    places = [
        random.integers(0, (extent - reach) // stride + 1, POSITIONS) * stride
        for extent, reach, stride in zip(padded.shape[2:], span, layer.strides, strict=True)
    ]
    picture = random.integers(0, len(value), POSITIONS)
    taps = [
        padded[
            picture, :, places[0] + row * layer.dilations[0], places[1] + col * layer.dilations[1]
        ]
        for row in range(kernel[0])
        for col in range(kernel[1])
    ]  # each (POSITIONS, C)
    patches: Array = np.stack(taps).transpose(2, 0, 1)
    return patches


def _add(sums: Moments, layer: Layer, patches: Array, quantise: Quantise) -> None:
    count = patches.shape[2]
    arriving = quantise(patches.reshape(len(patches), -1)).reshape(layer.groups, -1, count)
    exact = patches.reshape(layer.groups, -1, count)
    sums.products += arriving @ arriving.swapaxes(1, 2) / count
    sums.quantised += arriving.mean(axis=2)
    sums.exact += exact.mean(axis=2)


def _mean(sums: Moments, count: int) -> Moments:
    for total in (sums.products, sums.quantised, sums.exact):
        total /= count
    return sums
