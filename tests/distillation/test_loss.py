from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from made_shapes import CLASSES, Shapes, quick, small_network

from edgecv.distillation.loss import Distillation, make_loss
from edgecv.distillation.teacher import TorchTeacher
from edgecv.errors import UsageError
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.students import Student, StudentConfig
from edgecv.recipe import DistillSettings, TrainSettings
from edgecv.training.batches import Batch, batches
from edgecv.training.learner import Learner, digest_of
from edgecv.training.loop import Task, train
from edgecv.training.losses import detection_loss
from edgecv.training.processes import World
from edgecv.training.resume import CHECKPOINT
from edgecv.training.transfer import new_network_of

HERE = World(0, 1, torch.device("cpu"))
CONFIG = StudentConfig("mobilenet_v3_small", 0.25, 16, 1, "relu", len(CLASSES))


def settings(**changes: object) -> DistillSettings:
    values = {"student": "mobilenet_v3_small", "neck": 16, "train": quick(epochs=1), **changes}
    return DistillSettings.model_validate(values)


def teacher(classes: tuple[str, ...] = CLASSES) -> TorchTeacher:
    return TorchTeacher(small_network(len(classes)), classes, HERE.device)


def student() -> Student:
    model = new_network_of(CONFIG, seed=0)
    assert isinstance(model, Student)
    return model


def made(labelled: int = 8, **changes: object) -> Distillation:
    return make_loss(teacher(), settings(**changes), CLASSES, labelled)[0]


def batch(train: TrainSettings | None = None) -> tuple[torch.Tensor, Batch]:
    found = next(batches(Shapes(8), train or quick(), 64, epoch=0))
    return found.images.float(), found


def test_its_parts_are_truth_answers_and_features_each_with_its_weight() -> None:
    images, given = batch()
    model = student().eval()
    one = made(feature_weight=1)(model, images, given, True)
    truth = detection_loss(model, images, given, True)
    assert {*one} == {*truth, "teacher_iou", "teacher_objectness", "teacher_classes", "features"}
    for name, part in truth.items():
        assert one[name].item() == pytest.approx(part.item(), rel=1e-5)
    many = made(truth=2, response=3, feature_weight=4)(model, images, given, True)
    for name, part in one.items():
        factor = 4 if name == "features" else 3 if name.startswith("teacher") else 2
        assert many[name].item() == pytest.approx(factor * part.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "names", "learned"),
    [
        (
            {"response": 0},
            {"iou", "features"},
            ["the ground truth", "the teacher's features (pkd)"],
        ),
        (
            {"features": "none"},
            {"iou", "teacher_iou"},
            ["the ground truth", "the teacher's answers"],
        ),
        (
            {"truth": 0, "features": "cwd"},
            {"teacher_iou", "features"},
            ["the teacher's answers", "the teacher's features (cwd)"],
        ),
    ],
)
def test_what_is_switched_off_is_not_there(
    changes: dict[str, object], names: set[str], learned: list[str]
) -> None:
    loss = made(**changes)
    found = loss(student(), *batch(), False)
    assert {*found} & {"iou", "teacher_iou", "features"} == names
    assert loss.learned == learned


def test_pictures_without_ground_truth_are_learned_from_the_teacher_alone() -> None:
    images, given = batch()
    model = student().eval()
    none = made(labelled=0)(model, images, given, False)
    assert "iou" not in none
    assert none["teacher_objectness"] > 0
    known = sorted(given.indices)[2]
    some = made(labelled=known)(model, images, given, False)
    rows = [row for row, index in enumerate(given.indices) if index < known]
    part = Batch(
        given.images[rows], [given.boxes_xyxy[r] for r in rows], [given.class_ids[r] for r in rows],
        rows,
    )  # fmt: skip
    alone = detection_loss(model, images[rows], part, False)
    for name, value in alone.items():
        assert some[name].item() == pytest.approx(value.item(), rel=1e-4)


def test_the_adapters_learn_and_are_kept_for_a_resume_but_not_with_the_student() -> None:
    train = quick()
    learner, loss = None, made()
    learner = Learner(student(), train, loss, HERE)
    _, given = batch()
    assert loss.adapters is not None
    before, teachers = digest_of(loss.adapters), digest_of(loss._teacher.model)
    learner.learn(given, 0.01, 0.5, False)
    assert digest_of(loss.adapters) != before
    assert digest_of(loss._teacher.model) == teachers
    state = learner.state()
    assert {name.split(".")[0] for name in state["loss"]} == {"adapters"}
    assert not any("adapters" in name for name in state["averaged"])
    kept = io.BytesIO()
    torch.save(state, kept)
    kept.seek(0)
    other = Learner(student(), train, made(), HERE)
    other.load(torch.load(kept, weights_only=True))
    for one in (learner, other):
        one.learn(given, 0.01, 0.5, False)
    assert digest_of(other.model) == digest_of(learner.model)
    assert digest_of(other._learnt) == digest_of(learner._learnt)


def test_stopped_in_the_middle_and_called_again_it_ends_the_same(tmp_path: Path) -> None:
    train_settings = quick(epochs=2, batch=4, checkpoint_every_s=0, validate_every=2)
    ends = []
    for name in ("stopped", "whole"):
        task = Task(Shapes(8), Shapes(4, first=50), train_settings, 64, tmp_path / name)
        if name == "stopped":
            with pytest.raises(KeyboardInterrupt):
                train(student(), task, _stopping(made(), after=3))
        ends.append(train(student(), task, made()))
    first, second = (read_checkpoint(end.weights) for end in ends)
    assert all(torch.equal(first[name], second[name]) for name in first)
    states = [
        torch.load(tmp_path / n / CHECKPOINT, weights_only=True) for n in ("stopped", "whole")
    ]
    for name, value in states[0]["loss"].items():
        assert torch.equal(value, states[1]["loss"][name])


def _stopping(loss: Distillation, after: int) -> Distillation:
    steps = iter(range(after))
    forward = loss.forward

    def stopped(*given: object) -> dict[str, torch.Tensor]:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return forward(*given)  # type: ignore[arg-type]

    loss.forward = stopped  # type: ignore[method-assign, assignment]
    return loss


def test_another_teacher_goes_on_with_no_half_done_training(tmp_path: Path) -> None:
    task = Task(Shapes(4), Shapes(2), quick(epochs=1), 64, tmp_path)
    train(student(), task, made(), {"teacher": "aa", "distill.response": "1.0"})
    with pytest.raises(UsageError, match="teacher changed"):
        train(student(), task, made(), {"teacher": "bb", "distill.response": "1.0"})
    with pytest.raises(UsageError, match=r"distill\.response was 1\.0, is 2\.0"):
        train(student(), task, made(), {"teacher": "aa", "distill.response": "2.0"})


def test_a_teacher_of_other_classes_is_refused_unless_its_answers_are_not_asked_for() -> None:
    its = teacher(("cat", "dog", "bird"))
    with pytest.raises(
        UsageError, match=r"class 'square', which the teacher does not know \(cat, d"
    ):
        make_loss(its, settings(), CLASSES, 8)
    loss, missing = make_loss(its, settings(response=0), CLASSES, 8)
    assert missing == []
    assert loss.columns is None


def test_a_teacher_without_features_says_so_or_leaves_nothing() -> None:
    class Blind(TorchTeacher):
        channels = ()

        def __init__(self) -> None:
            self.class_names = CLASSES

    loss, missing = make_loss(Blind(), settings(), CLASSES, 8)
    assert loss.adapters is None
    assert "gives no features" in missing[0]
    with pytest.raises(UsageError, match="nothing is left to learn from"):
        make_loss(Blind(), settings(truth=0, response=0), CLASSES, 8)
