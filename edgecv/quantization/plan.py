"""For each conv: the range of its input, its integer weights, its corrected bias."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from edgecv.quantization.equalize import WORTHWHILE, candidates
from edgecv.quantization.execute import Pictures
from edgecv.quantization.network import Layer, Network
from edgecv.quantization.observe import Floats, Histogram, Moments, moments
from edgecv.quantization.ranges import Range, choose, error, merge
from edgecv.quantization.rounding import (
    Limits,
    channel_pairs,
    round_gptq,
    round_nearest,
    weight_scales,
)
from edgecv.recipe import QuantizeSettings
from edgecv.types import Array


@dataclass(frozen=True)
class Scheme:
    """How integers are used.

    Attributes:
        symmetric: activations are symmetric about zero, as TensorRT wants them.
        weight_bits: 8, or 7 for integers within +-63.
        paired: two neighbouring channels share 16 bits, which their weights must not overflow.
    """

    symmetric: bool
    weight_bits: int = 8
    paired: bool = False

    def limits(self, layer: Layer) -> Limits:
        """The integers that the weights of a conv may take."""
        channels, *kernel = layer.weight.shape[1:]
        if self.weight_bits == 7 or (self.paired and channels % 2 and not layer.depthwise):
            return Limits(63)  # of an odd number, which ones are neighbours is the kernel's choice
        if self.paired and not layer.depthwise:  # whose products are added in 32 bits
            return Limits(127, channel_pairs(channels, prod(kernel)))
        return Limits(127)


@dataclass(frozen=True, eq=False)
class QuantisedTensor:
    """A tensor on its way through 8 bits.

    Attributes:
        range: of the values after both of these.
        divisor: (C,) that the channels are divided by first, or None.
        offset: that is taken off next. A SiLU's output is one-sided, which wastes half of a
            symmetric range; about its middle it does not. The conv's bias makes up for it, where
            its padding has passed through the same.
    """

    range: Range
    divisor: Array | None = None
    offset: float = 0.0

    def arrive(self, rows: Array) -> Array:
        """(C, N) float values as the conv will see them, still divided; the offset put back."""
        divided = rows if self.divisor is None else rows / self.divisor[:, None]
        return np.asarray(self.range.apply(divided - self.offset) + self.offset, np.float32)


@dataclass(frozen=True, eq=False)
class QuantisedLayer:
    """A conv in integers.

    Attributes:
        layer: the float conv.
        input: what it reads; shared by all convs that read it alike.
        integers: (O, I / groups, kh, kw) int8, for the divided input.
        scale: (O,) value of one integer step.
        bias: (O,) float, corrected; for the input with its offset put back.
    """

    layer: Layer
    input: QuantisedTensor
    integers: np.ndarray
    scale: Array
    bias: Array

    @property
    def bias_at_zero(self) -> Array:
        """(O,) the bias for an input whose offset was taken off."""
        sums = self.integers.reshape(len(self.scale), -1).sum(axis=1, dtype=np.int64)
        return np.asarray(self.bias + sums * self.scale * self.input.offset, np.float32)


Plan = dict[str, QuantisedLayer]


def quantisable(network: Network, keep_float: Collection[str]) -> list[Layer]:
    """The convs that may go to INT8: all but the predictions and those that the user keeps."""
    return [one for one in network.layers if not one.final and one.name not in keep_float]


def make_plan(
    network: Network,
    layers: Sequence[Layer],
    histograms: dict[str, Histogram],
    scheme: Scheme,
    settings: QuantizeSettings,
    pictures: Pictures,
) -> Plan:
    """Quantise each conv as if all others were float.

    Args:
        network: the float graph.
        layers: the convs to quantise.
        histograms: of their inputs.
        scheme: of the engine family.
        settings: of the recipe.
        pictures: for the second moments.
    """
    inputs: dict[str, QuantisedTensor] = {}
    for group in _reading_alike(layers):
        chosen = _input(network, group, histograms[group[0].input], scheme, settings)
        inputs.update({layer.name: chosen for layer in group})
    arrivals = {name: chosen.arrive for name, chosen in inputs.items()}
    return {
        layer.name: _quantise(layer, inputs[layer.name], seen, scheme, settings)
        for layer, seen in moments(network, arrivals, pictures)
    }


def _reading_alike(layers: Iterable[Layer]) -> list[list[Layer]]:
    groups: dict[tuple[str, bool], list[Layer]] = defaultdict(list)
    for layer in layers:
        groups[layer.input, layer.depthwise].append(layer)
    return list(groups.values())


def _input(
    network: Network,
    layers: list[Layer],
    histogram: Histogram,
    scheme: Scheme,
    settings: QuantizeSettings,
) -> QuantisedTensor:
    step = network.pixel_steps.get(layers[0].input)
    if step is not None:
        # pixels are integers already: uint8 takes them as they are, int8 with 128 taken off
        if scheme.symmetric:
            return QuantisedTensor(Range(-127 * step, 127 * step), offset=128 * step)
        return QuantisedTensor(Range(0, 255 * step))

    def found(divisor: Array | None) -> tuple[float, QuantisedTensor]:
        merged = merge(histogram, importance(layers), divisor)
        centred = scheme.symmetric and not any(any(layer.pads) for layer in layers)
        chosen = choose(
            merged, settings.observer, scheme.symmetric and not centred, settings.percentile
        )
        loss = error(merged, chosen)
        if not layers[0].depthwise:  # there each weight has its own scale: dividing costs nothing
            loss += _weight_error(layers, histogram, divisor, scheme)
        return loss, _centre(chosen, divisor) if centred else QuantisedTensor(chosen, divisor)

    plain = found(None)
    if not settings.equalize:
        return plain[1]
    return cheapest(plain, [found(divisor) for divisor in candidates(layers, histogram)])


def _centre(chosen: Range, divisor: Array | None) -> QuantisedTensor:
    reach = (chosen.high - chosen.low) / 2
    return QuantisedTensor(Range(-reach, reach), divisor, offset=chosen.low + reach)


def cheapest(
    plain: tuple[float, QuantisedTensor], equalised: list[tuple[float, QuantisedTensor]]
) -> QuantisedTensor:
    """The equalised tensor of least error if that is worth its multiplication, else the plain."""
    best = min(equalised, key=lambda one: one[0], default=plain)
    return best[1] if best[0] < WORTHWHILE * plain[0] else plain[1]


def importance(layers: Iterable[Layer]) -> Floats:
    """(C,) what a squared unit of error in each input channel does in the outputs of the convs."""
    sums = [layer.per_input_channel(layer.weight.astype(np.float64) ** 2) for layer in layers]
    return np.asarray(np.sum(sums, axis=0), np.float64)


def _weight_error(
    layers: list[Layer], histogram: Histogram, divisor: Array | None, scheme: Scheme
) -> float:
    power = (histogram.counts * histogram.values**2).sum(axis=1)
    total = 0.0
    for layer in layers:
        weight = layer.scaled(divisor)
        grouped = weight.reshape(layer.grouped_weight.shape)
        even = np.ones(grouped.shape[::2])
        limits = scheme.limits(layer)
        scale = weight_scales(grouped, even, limits)
        back = round_nearest(grouped, scale, limits) * scale
        missed = layer.per_input_channel(((back - grouped) ** 2).reshape(weight.shape))
        total += float((missed * power / (1 if divisor is None else divisor**2)).sum())
    return total


def _quantise(
    layer: Layer,
    chosen: QuantisedTensor,
    seen: Moments,
    scheme: Scheme,
    settings: QuantizeSettings,
) -> QuantisedLayer:
    weight = layer.scaled(chosen.divisor).reshape(layer.grouped_weight.shape)
    power = np.diagonal(seen.products, axis1=1, axis2=2).astype(np.float64)
    limits = scheme.limits(layer)
    scale = weight_scales(weight, power, limits)
    if settings.rounding == "gptq":
        integers = round_gptq(weight, scale, seen.products, limits)
    else:
        integers = round_nearest(weight, scale, limits)
    bias = layer.bias
    if settings.bias_correction:
        wanted = np.einsum("grk,gk->gr", layer.grouped_weight, seen.exact)
        got = np.einsum("grk,gk->gr", integers * scale, seen.quantised)
        bias = bias + (wanted - got).reshape(-1)
    return QuantisedLayer(
        layer,
        chosen,
        integers.reshape(layer.weight.shape),
        scale.reshape(-1),
        np.asarray(bias, np.float32),
    )


def quantise_outputs(
    network: Network,
    layers: Sequence[Layer],
    histograms: dict[str, Histogram],
    settings: QuantizeSettings,
) -> dict[str, QuantisedTensor]:
    """Ranges for conv outputs, by conv, judged behind the activation; for ONNX Runtime.

    A SiLU stands in float after it, so what counts is what is left of the error behind the SiLU
    and in the convs that read it.
    """
    readers: dict[str, list[Layer]] = defaultdict(list)
    for layer in network.layers:
        readers[layer.input].append(layer)
    return {
        layer.name: _output(layer, histograms[output_tensor(layer)], readers, settings)
        for layer in layers
    }


def output_tensor(layer: Layer) -> str:
    """The tensor that ONNX Runtime's integer conv writes: behind a ReLU, which it takes in."""
    return layer.activated if layer.activation == "relu" else layer.output


def _output(
    layer: Layer,
    histogram: Histogram,
    readers: dict[str, list[Layer]],
    settings: QuantizeSettings,
) -> QuantisedTensor:
    behind = [one for one in readers[layer.activated] if one.in_channels == len(histogram.low)]
    counts = importance(behind) if behind else np.ones(len(histogram.low))
    activation = "identity" if layer.activation == "relu" else layer.activation

    def found(divisor: Array | None) -> tuple[float, QuantisedTensor]:
        # behind a divided output the activation is seen per channel, so it is judged before it
        function = activation if divisor is None else "identity"
        merged = merge(histogram, counts, divisor)
        chosen = choose(merged, settings.observer, False, settings.percentile, function)
        judged = merge(histogram, counts) if divisor is None else merged
        return error(judged, chosen, function), QuantisedTensor(chosen, divisor)

    plain = found(None)
    if not settings.equalize:
        return plain[1]
    divisor = np.asarray(histogram.peak / np.exp(np.log(histogram.peak).mean()), np.float32)
    return cheapest(plain, [found(divisor)])
