"""Tensors and weights that pass through 8 bits in torch, as they do in the INT8 files.

Placement, ranges and scales are those of the files; weights and biases alone learn. The gradient
passes the rounding as if it were not there (Bengio et al. 2013, "Estimating or Propagating
Gradients Through Stochastic Neurons").
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from edgecv.quantization.plan import QuantisedLayer, QuantisedTensor
from edgecv.quantization.rounding import PAIR_SUM, Limits
from edgecv.types import Array

Kind = Literal["asymmetric", "symmetric"]


class Passage(nn.Module):
    """A tensor on its way through 8 bits, as `QuantisedTensor` says."""

    divisor: Tensor | None

    def __init__(self, chosen: QuantisedTensor) -> None:
        super().__init__()
        divisor = None if chosen.divisor is None else _tensor(chosen.divisor.reshape(1, -1, 1, 1))
        self.register_buffer("divisor", divisor, persistent=False)
        self._offset = chosen.offset
        self._scale, self._zero_point = chosen.range.scale, chosen.range.zero_point

    def arrive(self, x: Tensor) -> Tensor:
        """(B, C, H, W) as the conv behind reads it: still divided, the offset put back."""
        if self.divisor is not None:
            x = x / self.divisor
        if self._offset:
            x = x - self._offset
        back = torch.fake_quantize_per_tensor_affine(x, self._scale, self._zero_point, 0, 255)
        return back + self._offset if self._offset else back

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) as it is behind DequantizeLinear and what multiplies the divisor back."""
        arrived = self.arrive(x)
        return arrived if self.divisor is None else arrived * self.divisor


class Rounded(nn.Module):
    """The weights of a conv in integers. They start as they are in the file.

    What the conv learns is added before the rounding, so that all that calibration decided, GPTQ's
    rounding too, holds until a weight has moved by half a step.

    Args:
        row: the conv in the file.
        limits: of its integers.
    """

    integers: Tensor
    scale: Tensor
    bias: Tensor
    factor: Tensor
    partners: Tensor | None

    def __init__(self, row: QuantisedLayer, limits: Limits) -> None:
        super().__init__()
        self.input = Passage(row.input)
        self._top = limits.top
        unit = replace(row.layer, weight=np.ones_like(row.layer.weight))
        scale = row.scale.reshape(-1, 1, 1, 1)
        constants = {
            "integers": row.integers,
            "scale": scale,
            "bias": row.bias,
            "factor": unit.scaled(row.input.divisor) / scale,
        }
        for name, value in constants.items():
            self.register_buffer(name, _tensor(value), persistent=False)
        partners = None if limits.partners is None else torch.from_numpy(limits.partners)
        self.register_buffer("partners", partners, persistent=False)

    def steps(self, moved: Tensor) -> Tensor:
        """(O, I / groups, kh, kw) whole numbers, for a float weight that has moved so far."""
        return self._nearest(self._latent(moved))

    def forward(self, moved: Tensor) -> Tensor:
        """(O, I / groups, kh, kw) the weights for the divided input."""
        latent = self._latent(moved)
        return (latent + (self._nearest(latent) - latent).detach()) * self.scale

    def _latent(self, moved: Tensor) -> Tensor:
        return self.integers + moved * self.factor

    def _nearest(self, latent: Tensor) -> Tensor:
        return nearest(latent.flatten(1), self._top, self.partners).view_as(latent)


def nearest(latent: Tensor, top: int, partners: Tensor | None) -> Tensor:
    """(R, K) whole numbers, each the nearest that `Limits` allow, as `round_nearest` chooses them.

    Args:
        latent: (R, K).
        top: largest magnitude.
        partners: (K,) the column that each shares 16 bits with, or None.
    """
    steps = latent.clamp(-top, top)
    if partners is None:
        return steps.round()
    sums = steps + steps[:, partners]
    excess = sums.sign() * (sums.abs() - PAIR_SUM).clamp(min=0)
    steps = (steps - excess / 2).round()
    first = torch.arange(len(partners), device=partners.device) < partners
    over = (steps + steps[:, partners]).abs() > PAIR_SUM
    return steps - steps.sign() * (over & first)


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def array(values: Tensor) -> Array:
    """A float32 array of its own."""
    return np.array(values.detach().cpu().contiguous().numpy(), np.float32)
