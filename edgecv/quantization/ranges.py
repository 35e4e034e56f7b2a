"""A tensor's range from its histogram, and the integers that a range means.

What is minimised is not the error of the tensor but the error that it makes in the outputs of the
convs behind it: each channel counts by the squared norm of the weights that read it. On
YOLOX-Nano that alone is worth 8 dB of the detections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecv.quantization.network import ACTIVATIONS
from edgecv.quantization.observe import Histogram
from edgecv.recipe import Observer
from edgecv.types import Array

Floats = NDArray[np.float64]

MERGED = 4096  # steps of the histogram over all channels


@dataclass(frozen=True)
class Range:
    """What 8 bits stand for: low and high are reached exactly, zero always is.

    Attributes:
        low, high: low <= 0 <= high; low == -high where the scheme is symmetric.
    """

    low: float
    high: float

    @property
    def scale(self) -> float:
        """The value of one step: 255 of them, or 254 about zero when symmetric."""
        return max(self.high - self.low, 1e-8) / (254 if self.symmetric else 255)

    @property
    def zero_point(self) -> int:
        """As uint8; 128 when symmetric."""
        return 128 if self.symmetric else int(np.clip(np.rint(-self.low / self.scale), 0, 255))

    @property
    def symmetric(self) -> bool:
        return self.low == -self.high

    def apply(self, value: NDArray[Any]) -> NDArray[Any]:
        """Values as they come back from 8 bits."""
        steps = np.clip(np.rint(value / self.scale) + self.zero_point, 0, 255)
        back: NDArray[Any] = (steps - self.zero_point) * self.scale
        return back


@dataclass(frozen=True)
class Merged:
    """A histogram over all channels of a tensor, after equalisation.

    Attributes:
        low, high: the extremes; low <= 0 <= high.
        values: (M,) ascending, the middle of each step that is not empty.
        counts: (M,) how often.
        weights: (M,) how much a squared error there counts.
    """

    low: float
    high: float
    values: Floats
    counts: Floats
    weights: Floats


def merge(histogram: Histogram, importance: Floats, scale: Array | None = None) -> Merged:
    """Put the channels on one axis.

    Args:
        histogram: of the float tensor.
        importance: (C,) what one squared unit of error in a channel does behind it.
        scale: (C,) that each channel is divided by before it is quantised, or None.
    """
    divisor = np.ones(len(histogram.low)) if scale is None else scale.astype(np.float64)
    values = histogram.values / divisor[:, None]
    costs = histogram.counts * (importance * divisor**2)[:, None]
    low = min(float((histogram.low / divisor).min()), 0.0)
    high = max(float((histogram.high / divisor).max()), 0.0)
    step = max(high - low, 1e-9) / MERGED
    index = np.minimum(((values - low) / step).astype(int), MERGED - 1).reshape(-1)
    counts: Floats = np.bincount(index, histogram.counts.reshape(-1), MERGED).astype(np.float64)
    weights: Floats = np.bincount(index, costs.reshape(-1), MERGED).astype(np.float64)
    kept = counts > 0
    centres: Floats = low + (np.arange(MERGED, dtype=np.float64) + 0.5) * step
    return Merged(low, high, centres[kept], counts[kept], weights[kept])


def error(merged: Merged, found: Range, activation: str = "identity") -> float:
    """The weighted squared error of a range, behind an activation."""
    function = ACTIVATIONS[activation]
    missed = function(np.asarray(found.apply(merged.values))) - function(merged.values)
    return float((merged.weights * missed**2).sum())


def choose(
    merged: Merged,
    observer: Observer,
    symmetric: bool,
    percentile: float = 99.99,
    activation: str = "identity",
) -> Range:
    """The range that an observer picks; 'auto' takes the one of least error among all of them."""
    if observer == "auto":
        found = [
            choose(merged, name, symmetric, percentile, activation)
            for name in ("minmax", "percentile", "mse", "entropy")
        ]
        return min(found, key=lambda one: error(merged, one, activation))
    if observer == "mse":
        candidates = _clipped(merged, symmetric, activation)
        return min(candidates, key=lambda one: error(merged, one, activation))
    return _OBSERVERS[observer](merged, symmetric, percentile)


def _range(low: float, high: float, symmetric: bool) -> Range:
    low, high = min(low, 0.0), max(high, 0.0)
    reach = max(-low, high, 1e-6)
    return Range(-reach, reach) if symmetric else Range(low, max(high, low + 1e-6))


def _minmax(merged: Merged, symmetric: bool, percentile: float) -> Range:
    return _range(merged.low, merged.high, symmetric)


def _percentile(merged: Merged, symmetric: bool, percentile: float) -> Range:
    below = np.cumsum(merged.counts) / merged.counts.sum()
    tail = 1 - percentile / 100
    low = merged.values[np.searchsorted(below, tail)]
    high = merged.values[min(int(np.searchsorted(below, 1 - tail)), len(below) - 1)]
    return _range(low, high, symmetric)


def _clipped(merged: Merged, symmetric: bool, activation: str) -> Iterator[Range]:
    low, high = merged.low, merged.high
    lows = low * np.geomspace(0.1, 1, 10)
    if activation == "silu":
        # far below zero SiLU gives nothing: what lies there needs no steps of its own
        lows = np.unique(np.maximum(low, np.append(-np.linspace(1, 12, 23), low)))
    # a lone outlier may reach a hundred times as far as what matters
    for part in np.geomspace(0.01, 1, 96):
        if symmetric:
            yield _range(low * part, high * part, True)
        else:
            yield from (_range(one, high * part, False) for one in lows)


def _entropy(merged: Merged, symmetric: bool, percentile: float) -> Range:
    """Least information lost, judged on magnitudes.

    Source: Migacz 2017, "8-bit inference with TensorRT": the clip whose 128-step histogram has the
    least Kullback-Leibler divergence from the clipped original.
    """
    reach = max(-merged.low, merged.high, 1e-6)
    edges = np.linspace(0, reach, 2049)
    counts, _ = np.histogram(np.abs(merged.values), edges, weights=merged.counts)
    best = min(range(128, 2049, 32), key=lambda bins: _divergence(counts, bins))
    clip = float(edges[best])
    return _range(max(merged.low, -clip), min(merged.high, clip), symmetric)


def _divergence(counts: Floats, bins: int) -> float:
    kept = counts[:bins].copy()
    kept[-1] += counts[bins:].sum()
    inside = counts[:bins]
    group = (np.arange(bins) * 128) // bins
    filled = inside > 0
    totals = np.bincount(group, inside, 128)
    members = np.maximum(np.bincount(group, filled, 128), 1)
    coarse = np.where(filled, (totals / members)[group], 0.0)
    p, q = kept / kept.sum(), coarse / max(coarse.sum(), 1e-12)
    used = p > 0
    return float((p[used] * np.log(p[used] / np.maximum(q[used], 1e-12))).sum())


_OBSERVERS: dict[str, Callable[[Merged, bool, float], Range]] = {
    "minmax": _minmax,
    "percentile": _percentile,
    "entropy": _entropy,
}
