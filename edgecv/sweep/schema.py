"""What sweep.json holds: the result of a sweep, and what it goes on from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgecv.bundle import Record

State = Literal["waiting", "made", "measured", "stopped", "failed"]


class SweepPoint(Record):
    """One engine file of a variant, measured on this machine."""

    file: str = Field(description="Name in the variant's bundle, <engine>-<precision>.")
    engine: str
    precision: Literal["fp32", "fp16", "int8"]
    mAP: float = Field(description="In [0, 1], of this file.")
    drop: float = Field(
        description="mAP lost against the network that the sweep started from: the teacher, the "
        "network before pruning, else the variant's own float."
    )
    p90_ms: float = Field(description="Of a call of the engine alone.")
    size_bytes: int = Field(description="All files that the engine reads, together.")
    front: bool = Field(False, description="No other point of the sweep beats it.")


class SweepVariant(Record):
    """One recipe of the sweep."""

    name: str = Field(description="Its bundle is variants/NAME, its output variants/NAME.log.")
    settings: dict[str, str] = Field(description="What the grid sets, as --set takes it.")
    state: State = Field(
        "waiting",
        description="waiting: not done, or not yet begun; made: not yet timed; measured: done; "
        "stopped: early, by its rivals; failed: tried again by the next call.",
    )
    scores: tuple[tuple[int, float], ...] = Field(
        (), description="Of its training: epoch from 1, mAP on the validation pictures."
    )
    epochs: int | None = Field(None, description="Of its training; null: it has none.")
    reason: str | None = Field(None, description="Why it was stopped or failed.")
    points: tuple[SweepPoint, ...] = ()


class Asked(Record):
    """What all variants have in common, by sha256; null where it was not given."""

    recipe: str
    settings: tuple[str, ...] = Field(description="Of --set.")
    weights: str | None = None
    data: str | None = None
    calibration: str | None = None


class Sweep(Record):
    """sweep.json, replaced as a whole after each change."""

    format: Literal["edgecv-sweep/1"] = "edgecv-sweep/1"
    recipe: str = Field(description="Name of the recipe.")
    asked: Asked
    cpu: str = Field(description="Of the machine that timed the points.")
    variants: tuple[SweepVariant, ...] = ()

    @property
    def points(self) -> list[tuple[SweepVariant, SweepPoint]]:
        """All points with their variants, the fastest first."""
        found = [(variant, point) for variant in self.variants for point in variant.points]
        return sorted(found, key=lambda pair: (pair[1].p90_ms, -pair[1].mAP, pair[1].size_bytes))
