"""`quantization.json`: the one table that all INT8 files of a bundle were written from."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from edgecv.bundle import Record
from edgecv.machine import Int8Cpu
from edgecv.quantization.plan import Plan, QuantisedTensor

FILE = "quantization.json"


class TensorRow(Record):
    """A tensor in 8 bits: a range, since an emission may be symmetric or not."""

    low: float
    high: float
    divisor: tuple[float, ...] | None = Field(
        default=None, description="What each channel is divided by before it is quantised."
    )
    offset: float = Field(default=0.0, description="What is taken off after that.")


class LayerRow(Record):
    """A conv in 8 bits, for one scheme of integers."""

    input: TensorRow
    weight_scale: tuple[float, ...]


class Table(Record):
    """What calibration found and what was decided."""

    cpu: str = Field(
        description="'any' when the weights of the CPU files overflow nowhere, else 'x86-vnni'."
    )
    target_cpu: Int8Cpu
    weight_bits: int
    images: int
    int8_in: dict[str, tuple[str, ...]] = Field(description="Convs in 8 bits, by target.")
    asymmetric: dict[str, LayerRow] = Field(description="For CPU engines, by conv.")
    symmetric: dict[str, LayerRow] = Field(description="For TensorRT, by conv.")
    outputs: dict[str, TensorRow] = Field(description="Conv outputs, for ONNX Runtime.")
    sums: tuple[str, ...] = Field(
        default=(), description="Convs whose outputs stay in 32 bits there, as ConvInteger."
    )


def layer_rows(plan: Plan) -> dict[str, LayerRow]:
    return {
        name: LayerRow(input=tensor_row(row.input), weight_scale=_rounded(row.scale))
        for name, row in plan.items()
    }


def tensor_rows(tensors: Mapping[str, QuantisedTensor]) -> dict[str, TensorRow]:
    return {name: tensor_row(chosen) for name, chosen in tensors.items()}


def tensor_row(chosen: QuantisedTensor) -> TensorRow:
    divisor = None if chosen.divisor is None else _rounded(chosen.divisor)
    return TensorRow(
        low=chosen.range.low, high=chosen.range.high, divisor=divisor, offset=chosen.offset
    )


def _rounded(values: object) -> tuple[float, ...]:
    import numpy as np

    return tuple(float(f"{value:.8g}") for value in np.asarray(values).tolist())
