"""Which variants to stop before their training ends: successive halving, by Optuna.

Rivals are variants of one network that differ in how it learns. A narrower network, a smaller
input or INT8 cost mAP and are on the front for their speed: mAP alone must not end them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal

from edgecv.extras import imported
from edgecv.recipe import Recipe
from edgecv.sweep.grid import MEASURING
from edgecv.sweep.history import Scores

if TYPE_CHECKING:
    from optuna import Study, Trial

Rivals = Literal["network", "all", "none"]

# at a quarter and at half of the epochs the better half goes on: before a quarter the order
# of two trainings says little about their end
FIRST_PERCENT, FACTOR = 25, 2

# settings that decide what a network has learned, not what a call of it costs
LEARNING = {
    "train": None,
    "prune": {"train"},
    "distill": {
        *("train", "truth", "response", "confidence", "features", "feature_weight"),
        *("temperature", "unlabelled", "unlabelled_share", "backbone_weights"),
    },
}
# of a training what the network keeps
KEPT = ("variant", "input_size")


def rivals_of(recipe: Recipe, which: Rivals) -> str:
    """What a variant has in common with those that it competes with."""
    if which == "all":
        return "all"
    content = recipe.model_dump(mode="json", exclude={*MEASURING})
    for section, names in LEARNING.items():
        values = content[section]
        if values is None:
            continue
        learning = values if names is None else values["train"] or {}
        kept = {name: learning[name] for name in KEPT if name in learning}
        rest = {} if names is None else {k: v for k, v in values.items() if k not in names}
        content[section] = {**rest, **kept}
    if content["quantize"]:
        content["quantize"].pop("qat")
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Halving:
    """Asynchronous successive halving: at each rung of epochs a variant stays while it is in the
    better half of its rivals that have come so far.

    Nothing is kept: what was trained before is told again, in any order.

    Raises:
        MissingExtraError: Optuna is not installed.

    Source: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, by Optuna's
    SuccessiveHalvingPruner. Differs: rungs are percents of a variant's own epochs.
    """

    def __init__(self) -> None:
        optuna = imported("optuna", "sweep", "stopping variants early")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        self._studies: dict[str, Study] = {}
        self._trials: dict[str, Trial] = {}
        self._told: dict[str, int] = {}

    def falls_behind(self, rivals: str, name: str, scores: Scores, epochs: int) -> bool:
        """Take a variant's scores so far; whether one that is new says to stop it.

        Args:
            rivals: of `rivals_of`.
            name: of the variant.
            scores: all, also those told before.
            epochs: of its whole training.
        """
        trial = self._trial(rivals, name)
        stop = False
        for epoch, score in scores:
            percent = 100 * epoch // epochs
            # the last epoch has cost all that there was to save
            if percent <= self._told.get(name, 0) or epoch >= epochs:
                continue
            self._told[name] = percent
            trial.report(score, percent)
            stop = trial.should_prune() or stop
        return stop

    def _trial(self, rivals: str, name: str) -> Trial:
        if rivals not in self._studies:
            pruner = self._optuna.pruners.SuccessiveHalvingPruner(FIRST_PERCENT, FACTOR)
            self._studies[rivals] = self._optuna.create_study(direction="maximize", pruner=pruner)
        if name not in self._trials:
            self._trials[name] = self._studies[rivals].ask()
        return self._trials[name]
