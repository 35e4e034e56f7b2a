"""The sentences of a recommendation."""

from __future__ import annotations

from collections.abc import Sequence

from edgecv.report.schema import VariantReport


def nothing(timed: Sequence[VariantReport]) -> str:
    """Why there is no recommendation."""
    if not timed:
        return "No variant was timed on this machine, so none is recommended for it."
    return (
        "No timed variant is known to keep its accuracy, so none is recommended. "
        "Give pictures (--data), or raise quantize.budget.max_float."
    )


def int8_wins(int8: VariantReport, best: VariantReport, max_drop: float) -> str:
    """Why INT8: its p90 against that of the fastest float variant, and its accuracy."""
    ratio = _p90(best) / _p90(int8)
    return (
        f"{int8.name} takes {_p90(int8):.1f} ms at p90 against {_p90(best):.1f} ms for the fastest "
        f"float variant ({best.name}), {ratio:.2f} times as fast; {_accuracy(int8, max_drop)}."
    )


def float_wins(int8: VariantReport, best: VariantReport) -> str:
    """Why float, although INT8 keeps its accuracy."""
    slower = _p90(int8) > _p90(best)
    how = "slower than float" if slower else "not faster than float beyond noise"
    return (
        f"INT8 is {how} on this machine ({int8.name} {_p90(int8):.1f} ms against "
        f"{best.name} {_p90(best):.1f} ms at p90): deploy {best.name}."
    )


def without_float(int8: VariantReport, max_drop: float) -> str:
    return (
        f"{int8.name} is the fastest INT8 variant ({_p90(int8):.1f} ms at p90); "
        f"{_accuracy(int8, max_drop)}. No float variant was timed beside it."
    )


def without_int8(
    best: VariantReport, missed: Sequence[VariantReport], max_drop: float, matched_min: float
) -> str:
    """Why float, where no INT8 variant was timed or none is accurate enough."""
    fastest = f"deploy {best.name}, the fastest float variant ({_p90(best):.1f} ms at p90)"
    if not missed:
        return f"No INT8 variant was timed on this machine: {fastest}."
    losses = ", ".join(_loss(variant) for variant in missed)
    limit = f"mAP within {max_drop:g} of float's"
    if all(variant.drop is None for variant in missed):
        limit = f"{matched_min:.0%} of float's boxes"
    return f"No INT8 variant is known to keep {limit} ({losses}): {fastest}."


def _loss(variant: VariantReport) -> str:
    if variant.drop is not None:
        return f"{variant.name} loses {variant.drop.mAP:.3f}"
    if variant.parity is not None and variant.parity.matched is not None:
        return f"{variant.name} keeps {variant.parity.matched:.0%}"
    return f"{variant.name} was not compared"


def _accuracy(variant: VariantReport, max_drop: float) -> str:
    if variant.drop is not None:
        side = "below" if variant.drop.mAP >= 0 else "above"
        return (
            f"its mAP is {abs(variant.drop.mAP):.3f} {side} float's, "
            f"within the budget of {max_drop:g}"
        )
    matched = variant.parity.matched if variant.parity else None
    return f"it finds {matched or 0:.0%} of float's boxes again (no ground truth was given)"


def _p90(variant: VariantReport) -> float:
    return variant.latency_ms.p90 if variant.latency_ms else float("nan")
