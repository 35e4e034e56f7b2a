"""What a variant's bundle was measured to be worth, file by file."""

from __future__ import annotations

from edgecv.bundle import Bundle
from edgecv.report.collect import collect
from edgecv.report.schema import Report
from edgecv.sweep.schema import SweepPoint


def points_of(bundle: Bundle) -> tuple[SweepPoint, ...]:
    """A point for each engine file that was scored and timed; the fastest first."""
    report = collect(bundle)
    lost = learned_loss(report)
    found = [
        SweepPoint(
            file=one.name,
            engine=one.engine,
            precision=one.precision,
            mAP=one.accuracy.mAP,
            drop=lost + (one.drop.mAP if one.drop else 0.0),
            p90_ms=one.latency_ms.p90,
            size_bytes=one.size_bytes,
        )
        for one in report.variants
        if one.accuracy is not None and one.latency_ms is not None
    ]
    return tuple(sorted(found, key=lambda point: point.p90_ms))


def learned_loss(report: Report) -> float:
    """mAP that the float network lost against the one it was made of, on validation pictures.

    That is the teacher, or the network before pruning; 0 where there is neither, or where it was
    not scored: a teacher may have other classes.
    """
    lost = 0.0
    if report.pruning is not None:
        before, after = report.pruning.before.mAP, report.pruning.after.mAP
        lost += before - after if before is not None and after is not None else 0.0
    if report.distillation is not None:
        before, after = report.distillation.teacher.mAP, report.distillation.student.mAP
        lost += before - after if before is not None and after is not None else 0.0
    return lost
