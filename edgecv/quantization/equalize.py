"""Scale moved from the hot channels of a tensor into the weights that read it.

A tensor has one range for all of its channels. Where one channel reaches 138 and another 1, no
range serves both. Dividing each channel by its own scale in front of the conv, and multiplying the
weights by it, changes nothing in float and gives every channel its share of the 255 steps. For a
depthwise conv it is exact per-channel quantisation, since each of its weights has a scale of its
own anyway. The price is one multiplication by a constant, which engines fuse into what stands
before it.

Source: Nagel et al. 2019 (cross-layer equalisation); Xiao et al. 2023 (SmoothQuant). Differs: the
division stands behind the activation, so SiLU needs no approximation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgecv.quantization.network import Layer
from edgecv.quantization.observe import Floats, Histogram
from edgecv.types import Array

# of the exponent between activation (1) and weight (0): SmoothQuant's migration strength
STRENGTHS = (0.25, 0.5, 0.75)
# a multiplication in the graph has to pay for itself
WORTHWHILE = 0.5


def candidates(layers: Sequence[Layer], histogram: Histogram) -> Iterator[Array]:
    """Scales (C,) worth trying in front of convs that share an input; their geometric mean is 1."""
    if layers[0].depthwise:
        yield _centred(histogram.peak)
        yield _centred(_clips(histogram))
        return
    reach = np.max([np.abs(layer.weight).max(axis=(0, 2, 3)) for layer in layers], axis=0)
    if layers[0].groups == 1:
        for strength in STRENGTHS:
            yield _centred(histogram.peak**strength / np.maximum(reach, 1e-9) ** (1 - strength))


def _clips(histogram: Histogram) -> Floats:
    """(C,) where each channel by itself is best clipped to 8 bits."""
    values, peak = histogram.values, histogram.peak[:, None]
    best, least = peak[:, 0], np.full(len(peak), np.inf)
    for part in np.geomspace(0.02, 1, 48):
        step = peak * part / 255
        low = np.minimum(np.rint(histogram.low[:, None] / step), 0)
        missed = (np.clip(np.rint(values / step), low, 255 + low) * step - values) ** 2
        loss = (histogram.counts * missed).sum(axis=1)
        best = np.where(loss < least, peak[:, 0] * part, best)
        least = np.minimum(least, loss)
    return best


def _centred(scale: Floats) -> Array:
    return np.asarray(scale / np.exp(np.log(scale).mean()), np.float32)
