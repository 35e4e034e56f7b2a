"""What to deploy: decided by measurements. report/wording.py says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgecv.report import wording
from edgecv.report.schema import VariantReport

# without ground truth: the share of float's confident boxes that must be found again
MATCHED_MIN = 0.8
# a gain under 3% is lost in the drift of one machine between two runs
GAIN_MIN = 1.03
RESAMPLES = 400

Samples = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Recommendation:
    """A variant's name, or None when there is none to recommend; the reason as a sentence."""

    name: str | None
    reason: str


def recommend(
    variants: Sequence[VariantReport], max_drop: float, samples: Samples | None = None
) -> Recommendation:
    """The variant with the lowest p90 that keeps the accuracy budget.

    INT8 wins only when it is measured to keep the budget and to be faster than the fastest
    float variant beyond noise. A float variant whose accuracy was not measured is taken as right.

    Args:
        variants: with what was measured of each.
        max_drop: largest loss of mAP, absolute.
        samples: variant name to ms of each timed call, to judge noise.
    """
    timed = sorted((v for v in variants if v.latency_ms), key=p90_ms)
    int8s = [v for v in timed if v.precision == "int8"]
    fit = [v for v in int8s if keeps_budget(v, max_drop)]
    floats = [v for v in timed if v.precision != "int8" and keeps_budget(v, max_drop) is not False]
    if not fit and not floats:
        return Recommendation(None, wording.nothing(timed))
    if not fit:
        return Recommendation(
            floats[0].name, wording.without_int8(floats[0], int8s, max_drop, MATCHED_MIN)
        )
    if not floats:
        return Recommendation(fit[0].name, wording.without_float(fit[0], max_drop))
    if faster(fit[0], floats[0], samples or {}):
        return Recommendation(fit[0].name, wording.int8_wins(fit[0], floats[0], max_drop))
    return Recommendation(floats[0].name, wording.float_wins(fit[0], floats[0]))


def keeps_budget(variant: VariantReport, max_drop: float) -> bool | None:
    """Whether a variant is accurate enough: by mAP, else by parity; None when not measured.

    Data on which float scores no more than the budget cannot show a loss: parity decides then.
    """
    if variant.drop is not None and _float_map(variant) > max_drop:
        return variant.drop.mAP <= max_drop
    if variant.parity is not None and variant.parity.matched is not None:
        return variant.parity.matched >= MATCHED_MIN
    return None


def _float_map(variant: VariantReport) -> float:
    lost = variant.drop.mAP if variant.drop else 0.0
    return lost + variant.accuracy.mAP if variant.accuracy else float("inf")


def faster(variant: VariantReport, other: VariantReport, samples: Samples) -> bool:
    """Whether a variant's p90 is under another's by 3%, and by bootstrap in 95 of 100 cases.

    Without samples only the first is asked.
    """
    if p90_ms(other) < GAIN_MIN * p90_ms(variant):
        return False
    ours, theirs = samples.get(variant.name), samples.get(other.name)
    if not ours or not theirs:
        return True
    random = np.random.default_rng(0)
    p90s = [
        np.percentile(random.choice(np.asarray(s), (RESAMPLES, len(s))), 90, axis=1)
        for s in (ours, theirs)
    ]
    return bool(np.percentile(p90s[1] / p90s[0], 5) > 1)


def best_int8(variants: Sequence[VariantReport], max_drop: float) -> VariantReport | None:
    """The INT8 variant to show beside float: within budget first, then timed, then fastest."""
    order = {True: 0, None: 1, False: 2}
    return min(
        (v for v in variants if v.precision == "int8"),
        key=lambda v: (order[keeps_budget(v, max_drop)], p90_ms(v)),
        default=None,
    )


def p90_ms(variant: VariantReport) -> float:
    """The engine's p90 in ms; infinite when it was not timed."""
    return variant.latency_ms.p90 if variant.latency_ms else float("inf")
