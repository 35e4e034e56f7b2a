"""What report.json holds. docs/report-schema.md is generated from these models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from edgecv.bundle import Record
from edgecv.report.distillation import Distillation
from edgecv.report.pruning import Pruning
from edgecv.report.quantization import Layer, Quantization, Step

Interval = tuple[float, float]


class Accuracy(Record):
    """Scored on ground truth by COCO's protocol."""

    mAP: float = Field(description="AP averaged over IoU .50 to .95 and over classes, in [0, 1].")
    mAP50: float = Field(description="AP at IoU .50, in [0, 1].")
    interval: Interval | None = Field(None, description="95% bootstrap interval of mAP.")
    per_class: dict[str, float] = Field(
        default_factory=dict, description="AP of each class that the ground truth has."
    )
    images: int | None = Field(None, description="Pictures scored.")
    boxes: int | None = Field(None, description="Boxes of ground truth.")


class Drop(Record):
    """Float's mAP less this variant's; positive is a loss."""

    mAP: float = Field(description="Absolute difference.")
    interval: Interval | None = Field(None, description="95% interval, paired by picture.")


class Latency(Record):
    """Milliseconds of a call with one picture."""

    p50: float
    p90: float
    p99: float
    max: float


class Parity(Record):
    """Agreement with the float model on the same pictures; needs no ground truth."""

    sqnr_db: float | None = Field(None, description="Signal to noise of confident outputs, dB.")
    matched: float | None = Field(
        None, description="Share of float's confident boxes found again in place, in [0, 1]."
    )
    iou: float | None = Field(None, description="Mean overlap of the boxes found again.")
    score_error: float | None = Field(None, description="Mean absolute difference of scores.")
    images: int | None = Field(None, description="Pictures compared.")


class VariantReport(Record):
    """One engine file and all that was measured of it; null is 'not measured'."""

    name: str = Field(description="<engine>-<precision>.")
    engine: str
    precision: Literal["fp32", "fp16", "int8"]
    file: str = Field(description="Path in the bundle.")
    size_bytes: int = Field(description="All files that the engine reads, together.")
    accuracy: Accuracy | None = None
    drop: Drop | None = None
    latency_ms: Latency | None = Field(None, description="The engine alone.")
    end_to_end_ms: Latency | None = Field(None, description="Letterbox, engine, postprocess.")
    throughput_fps: float | None = Field(None, description="With several requests in flight.")
    power_w: float | None = Field(
        None, description="Mean power meanwhile, W; of what: `device.power_of`."
    )
    mj_per_frame: float | None = Field(None, description="Energy a picture meanwhile, mJ.")
    peak_rss_mb: float | None = Field(None, description="Peak memory of the process, MB.")
    load_seconds: float | None = None
    parity: Parity | None = None
    details: dict[str, Any] = Field(
        default_factory=dict, description="What the builder says, e.g. 'acceptance'."
    )


class DeviceReport(Record):
    """What the machine told of itself while the variants were timed; null is 'not told'."""

    power_of: str | None = Field(None, description="Rails or counters that the power is of.")
    temperature_c: float | None = Field(None, description="The highest, degrees Celsius.")
    temperature_of: str | None = Field(None, description="The thermal zone of that.")
    throttled_s: float = Field(0.0, description="Seconds in which it was held back.")
    throttled_by: tuple[str, ...] = Field((), description="By what: heat, or the supply.")
    readings: dict[str, tuple[float | None, ...]] = Field(
        default_factory=dict,
        description="Over time: time_s, seconds, power_w, temperature_c, cpu_mhz, gpu_mhz, and "
        "throttled, the share of these seconds; lists of one length.",
    )


class DataSummary(Record):
    name: str
    images: int | None = None
    boxes: int | None = None
    classes: int | None = None


class TargetAdvice(Record):
    """What to do with one engine's files."""

    target: str
    variant: str
    file: str
    advice: str


class StageSeconds(Record):
    stage: str
    seconds: float


class Report(Record):
    """report.json: a section is null or empty where its stage did not run."""

    format: Literal["edgecv-report/1"] = "edgecv-report/1"
    recipe: str
    model: str
    input_wh: tuple[int, int] = Field(description="Width and height of the input, pixels.")
    training: str | None = Field(
        None, description="Page beside this one on how the network was trained; null: not here."
    )
    pruning: Pruning | None = None
    distillation: Distillation | None = None
    data: DataSummary | None = Field(None, description="The ground truth that was scored on.")
    environment: dict[str, Any] = Field(description="The machine that measured.")
    threads: int | None = Field(None, description="Of each timed call.")
    device: DeviceReport | None = Field(None, description="Power and heat while timing.")
    reference: str | None = Field(None, description="Variant that the others are compared with.")
    recommended: str | None = Field(description="Variant to deploy; null: nothing was timed.")
    reason: str = Field(description="Why, in a sentence.")
    targets: tuple[TargetAdvice, ...] = ()
    command: str = Field(description="The exact command line.")
    variants: tuple[VariantReport, ...] = ()
    not_timed: dict[str, str] = Field(default_factory=dict, description="Variant to why.")
    quantization: Quantization | None = None
    kept_float: tuple[Layer, ...] = ()
    ranking: tuple[Layer, ...] = Field((), description="Layers, most damage first.")
    steps: tuple[Step, ...] = ()
    stages: tuple[StageSeconds, ...] = ()

    def variant(self, name: str | None) -> VariantReport | None:
        return next((variant for variant in self.variants if variant.name == name), None)
