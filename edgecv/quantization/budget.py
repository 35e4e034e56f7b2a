"""The convs that go back to float, until the accuracy holds on every engine.

The worst go first, in the order of the damage that each does alone. Two rules decide how many:
those that do a large share of all damage go anyway, since a small data set cannot see what they
cost; then more, until no engine's file loses more mAP than the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgecv.progress import say
from edgecv.recipe import BudgetSettings

# a conv that does more damage than this many average ones is never worth its place
LARGE = 5


@dataclass(frozen=True)
class Step:
    """One try.

    Attributes:
        kept_float: convs given back so far.
        sqnr_db: of the detections, in exact Q/DQ.
        scores: mAP by target; empty without ground truth.
    """

    kept_float: int
    sqnr_db: float
    scores: Mapping[str, float]

    def worst_drop(self, float_score: float) -> float:
        return max((float_score - score for score in self.scores.values()), default=0.0)


@dataclass(frozen=True)
class Found:
    """How many of the worst stay in float, the tries, and whether the budget holds."""

    count: int
    steps: list[Step]
    met: bool


def counts(first: int, most: int) -> Iterator[int]:
    """How many convs to give back in each try: one or two more at first, then in larger steps."""
    count, step = first, 1
    while count <= max(most, first):
        yield count
        count += step
        step = max(step, round(0.25 * count))


def search(
    first: int,
    available: int,
    budget: BudgetSettings,
    float_score: float | None,
    attempt: Callable[[int], Step],
) -> Found:
    """Give back more and more until no target loses more than the budget.

    Args:
        first: convs that are given back without asking.
        available: convs that can be.
        budget: the largest drop, and most convs.
        float_score: mAP of the float graph; None without ground truth: `first` it is then.
        attempt: quantise all but that many and measure.

    Returns:
        The first try that holds; where none does, the one that loses least.
    """
    steps: list[Step] = []
    for count in counts(first, min(budget.max_layers, available)):
        steps.append(attempt(count))
        if float_score is None:
            return Found(count, steps, met=True)
        if steps[-1].worst_drop(float_score) <= budget.max_drop:
            return Found(count, steps, met=True)
    best = min(steps, key=lambda step: step.worst_drop(float_score or 0.0))
    say(
        f"  INT8 loses {best.worst_drop(float_score or 0.0):.4f} mAP with {best.kept_float} convs "
        f"in float; the budget is {budget.max_drop}"
    )
    return Found(best.kept_float, steps, met=False)


def shares(ranking: Mapping[str, float]) -> dict[str, float]:
    """Each conv's share of all damage, from the dB that it leaves alone."""
    noise = {name: 10 ** (-value / 10) for name, value in ranking.items()}
    total = sum(noise.values()) or 1.0
    return {name: value / total for name, value in noise.items()}


def large(ranking: Mapping[str, float]) -> Sequence[str]:
    """The convs that each do a large share of all damage, worst first."""
    return [name for name, share in shares(ranking).items() if share * len(ranking) > LARGE]
