"""The convs that go back to float, until the accuracy holds on every engine.

Every file has its own: what hurts a symmetric file may be harmless in another. Convs go back in the
order of the damage that each does alone and of the work that it is, until the noise that is left
is 30 dB below the detections or the allowance of work in float is used up. A data set of some
dozen photos cannot see the last decibels, so the noise decides first: an allowance that leaves the
detections louder than 28 dB is followed by a larger one, up to a quarter of the work. Where the
metric is missed nevertheless, it decides alone: quiet is not enough then, and the allowance grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from edgecv.progress import say
from edgecv.recipe import BudgetSettings

# on YOLOX-Nano the mAP of 88 photos moves by .02 at 19 dB, .01 at 24 dB, .005 at 28 dB
QUIET = 10 ** (-30 / 10)  # noise against detections: 30 dB
# of all multiply-accumulates; with the predictions it leaves about four fifths in int8
FIRST_ALLOWANCE = 0.169
GROWTH = 1.2
# measured on the detections; below it photos that decided nothing lost more than half a point
CLEAN_DB = 28.0
# largest allowance that noise alone may ask for
CLEAN_ALLOWANCE = 0.25
# work that a conv is counted with at least: one that costs nothing would always go first
LEAST_WORK = 0.001


@dataclass(frozen=True)
class Step:
    """One try at one target's file.

    Attributes:
        target: whose file.
        allowance: share of all multiply-accumulates that may be in float.
        kept_float: the convs that are.
        sqnr_db: of the detections, as exact Q/DQ.
        score: mAP on the engine; None without ground truth.
    """

    target: str
    allowance: float
    kept_float: list[str]
    sqnr_db: float
    score: float | None

    def drop(self, float_score: float) -> float:
        return 0.0 if self.score is None else float_score - self.score


def give_back(
    ranking: Mapping[str, float],
    work: Mapping[str, float],
    allowance: float,
    quiet: float = QUIET,
) -> list[str]:
    """The convs to leave in float: what takes most noise away within an allowance of work.

    A knapsack, filled twice: the most damage first, and the most damage for its work first. Neither
    order is always the better one; together they are never far from the best.

    Args:
        ranking: the dB that each conv leaves alone.
        work: its share of all multiply-accumulates.
        allowance: most of that to give back.
        quiet: noise against detections at which nothing more goes back.
    """
    noise = {name: 10 ** (-value / 10) for name, value in ranking.items()}
    by_damage = sorted(noise, key=lambda name: -noise[name])
    by_work = sorted(noise, key=lambda name: -noise[name] / (work[name] + LEAST_WORK))

    def left(names: list[str]) -> float:
        rest = sum(value for name, value in noise.items() if name not in names)
        return max(quiet, rest)

    def fill(order: list[str]) -> list[str]:
        return _fill(order, work, allowance, lambda names: left(names) <= quiet)

    # enough is enough: of two that leave it quiet, the one that is less work
    return min(
        (fill(order) for order in (by_work, by_damage)),
        key=lambda names: (left(names), sum(work[name] for name in names)),
    )


def _fill(
    order: list[str],
    work: Mapping[str, float],
    allowance: float,
    enough: Callable[[list[str]], bool],
) -> list[str]:
    found: list[str] = []
    spent = 0.0
    for name in order:
        if enough(found):
            break
        if spent + work[name] <= allowance:
            found.append(name)
            spent += work[name]
    return found


def allowances(most: float) -> Iterator[float]:
    """Growing shares of work in float, up to and including `most`."""
    share = min(FIRST_ALLOWANCE, most)
    while share < most:
        yield share
        share *= GROWTH
    yield most


def _keeps(step: Step, budget: BudgetSettings, float_score: float | None) -> bool:
    return float_score is None or step.drop(float_score) <= budget.max_drop


def search(
    target: str,
    budget: BudgetSettings,
    float_score: float | None,
    attempt: Callable[[str, float, float], Step],
) -> list[Step]:
    """Allow a target more and more float until it loses no more than the budget.

    Args:
        target: whose file.
        budget: the largest drop, and most work in float.
        float_score: mAP of the float graph; None without ground truth: noise alone decides.
        attempt: quantise for the target within an allowance, until so quiet, and measure.

    Returns:
        The tries, the chosen one last: the first that keeps the metric and is clean, else of
        those that keep it the one with the most float, else the one that loses least.
    """
    first, *more = allowances(budget.max_float)
    steps = [attempt(target, first, QUIET)]
    for allowance in more or [first]:
        if _keeps(steps[-1], budget, float_score):
            if steps[-1].sqnr_db >= CLEAN_DB:
                return steps
            if allowance > CLEAN_ALLOWANCE:
                break
        step = attempt(target, allowance, 0.0)
        if step.kept_float != steps[-1].kept_float:
            steps.append(step)
    kept = [step for step in steps if _keeps(step, budget, float_score)]
    if kept:
        # the most float: some tenths of a decibel on a sample say less than that
        return [*(step for step in steps if step is not kept[-1]), kept[-1]]
    steps.sort(key=lambda step: -step.drop(float_score or 0.0))
    least = steps[-1].drop(float_score or 0.0)
    say(
        f"  {target}: INT8 loses {least:.4f} mAP at best, the budget is {budget.max_drop}; "
        f"{budget.max_float:.0%} of the work may be in float"
    )
    return steps
