"""Teacher and student side by side: facts for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from edgecv.bundle import Record


class Side(Record):
    """Teacher or student."""

    name: str
    parameters: int
    macs: int = Field(description="Multiply-accumulates of one picture.")
    mAP: float | None = Field(
        None, description="On the validation pictures; null: it does not know their classes."
    )
    mAP50: float | None = None
    interval: tuple[float, float] | None = Field(None, description="95% interval of mAP.")


class Distillation(Record):
    """A network that learned from another."""

    teacher: Side
    student: Side
    learned: tuple[str, ...] = Field(description="What the student learned from.")

    @property
    def kept(self) -> float | None:
        """The share of the teacher's mAP that the student has; None where there is none."""
        if self.student.mAP is None or not self.teacher.mAP:
            return None
        return self.student.mAP / self.teacher.mAP


def distillation(metrics: Mapping[str, Any]) -> Distillation | None:
    """The facts of what the stage distill recorded; None where it did not run."""
    if not metrics:
        return None
    sides = {
        name: Side(**{key: metrics[name].get(key) for key in Side.model_fields})
        for name in ("teacher", "student")
    }
    return Distillation(**sides, learned=tuple(metrics["learned"]))
