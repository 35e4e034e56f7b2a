"""Which weights a file takes: the calibrated ones, or those that were learnt where it gains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from edgecv.progress import say
from edgecv.quantization.budget import Step
from edgecv.quantization.files import Files
from edgecv.quantization.judge import Judge


class Choice(NamedTuple):
    """By target what is written.

    Attributes:
        weights: calibrated or learnt.
        steps: the try with these weights.
        told: {"metric": "mAP" or "dB", "files": {target: {"ptq", "qat": by that metric, "ptq_db",
            "qat_db": of the detections, "taken": "ptq" or "qat"}}}.
    """

    weights: dict[str, Files]
    steps: dict[str, Step]
    told: dict[str, Any]


def choose(judge: Judge, calibrated: Files, learnt: Files, steps: Mapping[str, Step]) -> Choice:
    """Measure every file with the weights that were learnt, and take the better; say which.

    Args:
        judge: of the calibrated files.
        calibrated, learnt: the same files with both weights.
        steps: by target the try with the calibrated weights.
    """
    found = Choice({}, {}, {"metric": "dB", "files": {}})
    for target, before in steps.items():
        after = judge.again(learnt, before)
        taken = take_better(before, after)
        found.steps[target] = taken
        found.weights[target] = learnt if taken is after else calibrated
        metric = found.told["metric"] = "dB" if after.score is None else "mAP"
        found.told["files"][target] = {
            "ptq": _worth(before),
            "qat": _worth(after),
            "ptq_db": before.sqnr_db,
            "qat_db": after.sqnr_db,
            "taken": "qat" if taken is after else "ptq",
        }
        verdict = "QAT is taken" if taken is after else "no gain, PTQ is kept"
        say(f"  {target}: QAT {_worth(after):.4f}, PTQ {_worth(before):.4f} {metric}: {verdict}")
    return found


def take_better(calibrated: Step, learnt: Step) -> Step:
    """The one with the higher mAP, or without ground truth with the quieter detections.

    Where both are as good it is the calibrated one.
    """
    return learnt if _worth(learnt) > _worth(calibrated) else calibrated


def _worth(step: Step) -> float:
    return step.sqnr_db if step.score is None else step.score
