"""What report.json says of the quantisation."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from edgecv.bundle import Record


class Layer(Record):
    """A node of the graph and what quantising it alone does."""

    node: str
    op: str | None = None
    macs_share: float | None = Field(None, description="Share of the network's MACs, in [0, 1].")
    sqnr_db: float | None = Field(None, description="Of the detections, this node alone in INT8.")
    reason: str | None = Field(None, description="Why it stays in float.")


class Step(Record):
    """One try of the search for the accuracy budget."""

    kept_float: int = Field(description="Layers in float.")
    metric: float | None = Field(None, description="The budget's metric with INT8.")
    target: str | None = Field(None, description="Engine whose file it is.")
    sqnr_db: float | None = None


class Budget(Record):
    """How much accuracy INT8 may cost, and what it cost where layers were chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    max_drop: float
    metric: str | None = Field(None, description="null: without ground truth nothing to hold.")
    float_value: float | None = Field(None, alias="float", description="The metric in float.")
    int8_value: float | None = Field(None, alias="int8", description="The metric in INT8.")
    met: bool | None = None
    data: str | None = Field(None, description="What the metric was measured on.")


class Departure(Record):
    """An engine that computes otherwise than its file says."""

    node: str | None = Field(None, description="The first conv that is wrong; null: behind all.")
    sqnr_db: float = Field(description="The engine there against its file.")


class HalfFile(Record):
    """A file of TensorRT in 16 bits, every value of which was rounded to show what that loses."""

    float32: int = Field(description="Nodes that stay in float32.")
    largest: float = Field(description="Magnitude of any tensor on the calibration pictures.")
    sqnr_db: float = Field(description="Of the detections, against float.")
    float32_sqnr_db: float | None = Field(
        None, description="The same with the rest in float32; null: that is float itself."
    )


class Quantization(Record):
    weight_bits: int | None = None
    cpu: str | None = Field(None, description="CPU that the CPU files are for.")
    images: int | None = Field(None, description="Calibration pictures used.")
    int8_macs_share: dict[str, float] = Field(
        default_factory=dict, description="Share of MACs in INT8 for each engine."
    )
    budget: Budget | None = None
    departures: dict[str, Departure] = Field(
        default_factory=dict, description="By engine; empty where all compute as their files say."
    )
    half: dict[str, HalfFile] = Field(
        default_factory=dict, description="TensorRT's files with the rest in 16 bits: fp16, int8."
    )
