"""Let a small network learn from the one of a bundle, and take its place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from edgecv.bundle import Bundle, InputSpec, ModelSpec, sha256_of
from edgecv.errors import UsageError
from edgecv.progress import say
from edgecv.recipe import DistillSettings
from edgecv.stages import Context
from edgecv.stages.load import SOURCE, WEIGHTS
from edgecv.stages.train import FOLDER, place, say_start, warnings_on

if TYPE_CHECKING:
    from edgecv.distillation.teacher import OnnxTeacher, TorchTeacher
    from edgecv.models.students import Student
    from edgecv.training.splits import Parts
    from edgecv.training.task import Task


def run(bundle: Bundle, settings: DistillSettings, context: Context) -> dict[str, Any]:
    """Distil; the student of the best mAP on validation pictures becomes the bundle's network.

    Raises:
        UsageError: teacher and student do not go together, or a half-done training is of others.
        WeightsError: the weights of the student's backbone cannot be used.
        DataError: the pictures cannot be used.
        EdgecvError: the loss is not finite, or memory does not suffice.
    """
    from edgecv.training.section import settings_in
    from edgecv.training.splits import open_parts

    with settings_in("distill.train"):
        size = _size(bundle, settings)
        parts = open_parts(context.data, settings.train, size)
        return _distil(bundle, settings, context, parts, size)


def _distil(
    bundle: Bundle, settings: DistillSettings, context: Context, parts: Parts, size: int
) -> dict[str, Any]:
    from edgecv.distillation.loss import make_loss
    from edgecv.distillation.student import new_student
    from edgecv.training.loop import train
    from edgecv.training.outcome import outcome

    names = parts.train.class_names
    teacher = _open_teacher(bundle, settings, size)
    model, told = new_student(settings, parts.train, size)
    task = _task(settings, context, parts, size, bundle)
    loss, missing = make_loss(teacher, settings, names, len(parts.train))
    warnings = warnings_on(context.data, settings.train, size)
    for line in (*parts.notes, *warnings, told, *missing):
        say(line)
    say_start(parts, settings.train, size, task.folder)
    before, origin = bundle.spec, bundle.metrics("load").get("weights")
    trained = train(model, task, loss, _also(bundle, settings))
    spec = ModelSpec(
        name=settings.student, class_names=names, input=InputSpec(width=size, height=size)
    )
    _replace(bundle)
    place(bundle, trained, spec, task.folder)
    scores = outcome(trained, parts.val, size, bundle.path(FOLDER))
    return {
        **_told(context, task, parts, warnings),
        "start": settings.backbone_weights,
        "kept": told,
        "teacher_weights": origin,
        "learned": loss.learned,
        **scores,
        **_sides(teacher, before, model, settings.student, parts, size, scores),
    }


def _size(bundle: Bundle, settings: DistillSettings) -> int:
    taken = bundle.spec.input
    size = settings.train.input_size or taken.width
    if settings.train.input_size is None and taken.width != taken.height:
        raise UsageError(
            f"the teacher's input is {taken.width}x{taken.height}; a student takes a square one. "
            "Name its side: --set train.input_size=416"
        )
    if size % 32:
        raise UsageError(
            f"the teacher's input is {size} px; a student takes a multiple of 32. "
            f"Name one: --set train.input_size={size // 32 * 32 or 32}"
        )
    return size


def _open_teacher(
    bundle: Bundle, settings: DistillSettings, size: int
) -> TorchTeacher | OnnxTeacher:
    from edgecv.distillation.teacher import OnnxTeacher, TorchTeacher
    from edgecv.models.detector import read_detector
    from edgecv.stages.export import bundle_source
    from edgecv.training.processes import world

    names = bundle.spec.class_names
    if bundle.path(WEIGHTS).is_file():
        return TorchTeacher(read_detector(bundle.path(WEIGHTS)), names, world().device)
    teacher = OnnxTeacher(bundle_source(bundle), names)
    if size != teacher.side or settings.train.augment.multiscale:
        raise UsageError(
            f"{teacher.source.path}: an ONNX teacher takes {teacher.side} px and no other size: "
            f"--set train.input_size={teacher.side} --set train.augment.multiscale=0"
        )
    return teacher


def _task(
    settings: DistillSettings, context: Context, parts: Parts, size: int, bundle: Bundle
) -> Task:
    from edgecv.distillation.unlabelled import with_unlabelled
    from edgecv.training.task import Task

    pictures = with_unlabelled(parts.train, settings, size)
    scratch = context.scratch or bundle.path(f".{FOLDER}")
    return Task(pictures, parts.val, settings.train, size, scratch)


def _also(bundle: Bundle, settings: DistillSettings) -> dict[str, str]:
    """What decides the result beside the training's own settings, for a resume to compare."""
    weights = WEIGHTS if bundle.path(WEIGHTS).is_file() else SOURCE
    mine = settings.model_dump(mode="json", exclude={"train", "backbone_weights", "unlabelled"})
    return {
        "teacher": sha256_of(bundle.path(weights)),
        **{f"distill.{name}": str(value) for name, value in mine.items()},
    }


def _replace(bundle: Bundle) -> None:
    """Remove what is of the teacher alone."""
    bundle.path(SOURCE).unlink(missing_ok=True)
    shutil.rmtree(bundle.path(FOLDER), ignore_errors=True)


def _told(context: Context, task: Task, parts: Parts, warnings: tuple[str, ...]) -> dict[str, Any]:
    from edgecv.training.outcome import described, device_name

    return {
        "command": [*context.command],
        "device": device_name(),
        "processes": 1,
        "train": described(parts.train),
        "unlabelled": None if task.train is parts.train else task.train.name,
        "val": described(parts.val),
        "notes": [*parts.notes],
        "warnings": [*warnings],
    }


def _sides(
    teacher: TorchTeacher | OnnxTeacher,
    before: ModelSpec,
    model: Student,
    name: str,
    parts: Parts,
    size: int,
    scores: dict[str, Any],
) -> dict[str, Any]:
    from edgecv.distillation.compare import student_side, teacher_side
    from edgecv.training.validation import truth_of

    first = teacher_side(teacher, before.name, before.input, parts.val, truth_of(parts.val))
    second = student_side(model, name, size, scores)
    summary = scores["summary"]
    if "mAP" in first:
        summary += f"; the teacher has {first['mAP']:.4f}, {first['macs'] / second['macs']:.1f} "
        summary += "times the MACs"
    return {"teacher": first, "student": second, "summary": summary}
