"""A conv that computes as the INT8 files have it, and learns under the names of the float conv."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from edgecv.quantization.plan import QuantisedLayer
from edgecv.quantization.qat_rounding import Kind, Passage, Rounded, array

TINY = 1e-6  # norm of a channel that is none, as pruning may leave


class QuantisedConv(nn.Module):
    """A conv, in one file at a time. It learns under the names of the float conv's parameters.

    What it learns are weights of norm 1 in each output channel, times a gain that is kept. Folding
    leaves channels that differ a thousandfold, and a step that moves the large ones breaks the
    small ones; batch norm, which is no longer there, had made up for that.

    Args:
        conv: the float conv, with a bias.
        rounded: its weights, by `Kind` of integers.
        files: the kind that each file has it in; a file that is absent has it in float.
        output: where its output passes through 8 bits too, in the files of `with_output`.
        with_output: names of files.

    Attributes:
        file: the one that it computes as; of a file that it does not know, and at first: float.
    """

    gain: Tensor
    first_weight: Tensor
    first_bias: Tensor

    def __init__(
        self,
        conv: nn.Conv2d,
        rounded: Mapping[str, Rounded],
        files: Mapping[str, Kind],
        output: Passage | None = None,
        with_output: str = "",
    ) -> None:
        super().__init__()
        if conv.bias is None:
            raise ValueError("a conv without bias; expected batch norms to be folded")
        gain = conv.weight.detach().flatten(1).norm(dim=1).clamp(min=TINY).view(-1, 1, 1, 1)
        self.weight, self.bias = nn.Parameter(conv.weight.detach() / gain), conv.bias
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("first_weight", self.weight.detach().clone(), persistent=False)
        self.register_buffer("first_bias", conv.bias.detach().clone(), persistent=False)
        self.rounded = nn.ModuleDict(rounded)
        self.output = output
        self.file = ""
        self._files, self._with_output = dict(files), with_output
        self._how: dict[str, Any] = {
            "stride": conv.stride,
            "padding": conv.padding,
            "dilation": conv.dilation,
            "groups": conv.groups,
        }

    def forward(self, x: Tensor) -> Tensor:
        kind = self._files.get(self.file)
        if kind is None:
            return nn.functional.conv2d(x, self.float_weight, self.bias, **self._how)
        rounded = cast(Rounded, self.rounded[kind])
        weight, bias = rounded(self.moved), rounded.bias + self.bias - self.first_bias
        found = nn.functional.conv2d(rounded.input.arrive(x), weight, bias, **self._how)
        passes = self.output is not None and self.file == self._with_output
        return self.output(found) if self.output is not None and passes else found

    @property
    def float_weight(self) -> Tensor:
        """(O, I / groups, kh, kw) as the float network has it now."""
        return self.weight * self.gain

    @property
    def moved(self) -> Tensor:
        """(O, I / groups, kh, kw) what the float weight has learnt."""
        return (self.weight - self.first_weight) * self.gain

    def learnt(self, row: QuantisedLayer, kind: Kind) -> QuantisedLayer:
        """The conv as a file has it now, of what that file had at first."""
        steps = cast(Rounded, self.rounded[kind]).steps(self.moved)
        bias = row.bias + array(self.bias - self.first_bias)
        layer = replace(row.layer, weight=array(self.float_weight), bias=array(self.bias))
        return replace(row, layer=layer, integers=array(steps).astype(np.int8), bias=bias)
