from __future__ import annotations

from typing import Any

import pytest

from edgecv.quantization.budget import Step
from edgecv.quantization.qat_choice import choose, take_better


def step(score: float | None, db: float, target: str = "openvino") -> Step:
    return Step(target, 0.1, ["conv"], db, score)


@pytest.mark.parametrize(
    ("ptq", "qat", "learnt"),
    [
        ((0.5, 20.0), (0.6, 10.0), True),  # the data decide
        ((0.5, 20.0), (0.4, 30.0), False),
        ((0.5, 20.0), (0.5, 30.0), False),  # no gain
        ((None, 20.0), (None, 30.0), True),
        ((None, 20.0), (None, 19.0), False),
    ],
)
def test_the_better_weights_are_taken_and_in_doubt_those_of_calibration(
    ptq: tuple[float | None, float], qat: tuple[float | None, float], learnt: bool
) -> None:
    before, after = step(*ptq), step(*qat)
    assert take_better(before, after) is (after if learnt else before)


class Judge:
    """Knows what the learnt weights score."""

    def __init__(self, *steps: Step) -> None:
        self._steps = {one.target: one for one in steps}

    def again(self, files: Any, before: Step) -> Step:
        assert files == "learnt"
        return self._steps[before.target]


def test_each_file_takes_its_own_and_both_scores_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {"openvino": step(0.5, 20.0), "tensorrt": step(0.7, 21.0, "tensorrt")}
    judge: Any = Judge(step(0.6, 22.0), step(0.65, 23.0, "tensorrt"))
    calibrated: Any = "calibrated"
    learnt: Any = "learnt"
    found = choose(judge, calibrated, learnt, before)
    assert found.weights == {"openvino": "learnt", "tensorrt": "calibrated"}
    assert found.steps["openvino"].score == 0.6
    assert found.steps["tensorrt"] is before["tensorrt"]
    assert found.told == {
        "metric": "mAP",
        "files": {
            "openvino": {
                **{"ptq": 0.5, "qat": 0.6, "ptq_db": 20.0, "qat_db": 22.0},
                "taken": "qat",
            },
            "tensorrt": {
                **{"ptq": 0.7, "qat": 0.65, "ptq_db": 21.0, "qat_db": 23.0},
                "taken": "ptq",
            },
        },
    }
    said = capsys.readouterr().err
    assert "openvino: QAT 0.6000, PTQ 0.5000 mAP: QAT is taken" in said
    assert "tensorrt: QAT 0.6500, PTQ 0.7000 mAP: no gain, PTQ is kept" in said
