"""A sweep as it is recorded, without running one."""

from __future__ import annotations

from edgecv.sweep.schema import Asked, Sweep, SweepPoint, SweepVariant

ASKED = Asked(recipe="0" * 64, settings=(), weights=None, data="1" * 64, calibration=None)


def point(
    file: str = "openvino-int8",
    mAP: float = 0.5,
    p90_ms: float = 5.0,
    size_bytes: int = 1_000_000,
    drop: float = 0.0,
) -> SweepPoint:
    engine, _, precision = file.rpartition("-")
    return SweepPoint.model_validate(
        {
            "file": file,
            "engine": engine,
            "precision": precision,
            "mAP": mAP,
            "drop": drop,
            "p90_ms": p90_ms,
            "size_bytes": size_bytes,
        }
    )


def variant(
    name: str, *points: SweepPoint, state: str = "measured", **more: object
) -> SweepVariant:
    content = {"settings": {"distill.width": name}, "points": points, **more}
    return SweepVariant.model_validate(
        {"name": f"width-{name}-{name:0>8}", "state": state, **content}
    )


def sweep(*variants: SweepVariant) -> Sweep:
    return Sweep(recipe="small", asked=ASKED, cpu="a CPU", variants=variants)
