"""Quantisation-aware training: the weights of calibrated files learn to live with their rounding.

What calibration decided stays: which convs are in INT8, ranges, scales, zero points. So a file is
as fast with the weights that were learnt as without, and one that does not gain keeps its own.

Sources: Jacob et al. 2018, "Quantization and Training of Neural Networks"; Krishnamoorthi 2018,
"Quantizing deep convolutional networks", for training behind folded batch norms.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from edgecv.bundle import Bundle
from edgecv.distillation.teacher import TorchTeacher
from edgecv.errors import EdgecvError, ModelError, UsageError
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.deploy import fold_batch_norm
from edgecv.models.detector import Detector, read_detector
from edgecv.progress import say
from edgecv.quantization.budget import Step
from edgecv.quantization.files import Files
from edgecv.quantization.qat_loss import FilesLoss
from edgecv.quantization.qat_network import learnt, quantise, use_file
from edgecv.quantization.qat_pictures import Lessons, open_labelled, open_photos
from edgecv.recipe import QatSettings, QuantizeSettings
from edgecv.stages import Context
from edgecv.stages.load import SOURCE, WEIGHTS
from edgecv.training.loop import Task, Trained, train
from edgecv.training.outcome import described, device_name
from edgecv.training.processes import world
from edgecv.training.section import settings_in

SECTION = "quantize.qat.train"


class Learnt(NamedTuple):
    """The result.

    Attributes:
        files: with the weights that were learnt.
        told: plain values for the report.
    """

    files: Files
    told: dict[str, Any]


def check_trainable(bundle: Bundle, settings: QatSettings) -> None:
    """Refuse, before anything is calibrated, a network that cannot be trained.

    Raises:
        ModelError: it came as an ONNX file.
        UsageError: its input is not square, or another size is asked for.
    """
    if not bundle.path(WEIGHTS).is_file():
        raise ModelError(
            f"{bundle.metrics('load').get('weights', SOURCE)}: the weights of an ONNX file cannot "
            "be learnt. Give the checkpoint that it came from (.pth, .pt, .safetensors), or "
            "--set quantize.method=ptq"
        )
    size = bundle.spec.input
    if size.width != size.height or settings.train.input_size not in (None, size.width):
        raise UsageError(
            f"the network's input is {size.width}x{size.height}; quantize.qat learns on squares of "
            "that size. Name its side: --set load.input_size=416, and leave out "
            f"{SECTION}.input_size"
        )


def fine_tune(
    bundle: Bundle,
    files: Files,
    steps: Mapping[str, Step],
    settings: QuantizeSettings,
    context: Context,
    photos: Sequence[Path],
) -> Learnt:
    """Let the weights of calibrated files learn; stopped, the next call goes on.

    Args:
        bundle: with the weights that the files came from.
        files: calibrated.
        steps: by target the file that was chosen: which convs it has in float.
        settings: of the recipe.
        context: its data, when there is some, is learnt from.
        photos: to learn from without data; those that judge the files are left out.

    Raises:
        UsageError, DataError: see `qat_pictures`; or a half-done training is of other settings.
        ModelError: the graph is not that of the weights.
        EdgecvError: the loss is not finite, or memory does not suffice.
    """
    model = fold_batch_norm(read_detector(bundle.path(WEIGHTS)))
    names, size = bundle.spec.class_names, bundle.spec.input.width
    with _settings():
        if context.data is not None or settings.qat.train.custom is not None:
            lessons = open_labelled(context.data, settings.qat, names, size)
        else:
            judging = set(files.known.pictures.paths)
            left = [path for path in photos if path not in judging]
            lessons = open_photos(left, settings.qat, names, size, model)
        teacher = TorchTeacher(copy.deepcopy(model), names, world().device)
        quantise(
            model, files, {target: step.kept_float for target, step in steps.items()}, settings
        )
        folder = context.scratch or bundle.path(".qat")
        task = Task(lessons.train, lessons.val, settings.qat.train, size, folder)
        trained = _train(model, task, teacher, lessons, settings, steps)
    model.cpu().load_state_dict(read_checkpoint(trained.weights))
    return Learnt(learnt(files, model), _told(trained, task, lessons))


@contextmanager
def _settings() -> Iterator[None]:
    """Let errors name the settings that there are."""
    try:
        with settings_in(SECTION):
            yield
    except EdgecvError as error:
        # the size is that of the graph
        error.args = (str(error).replace(f"{SECTION}.input_size", "load.input_size"),)
        raise


def _train(
    model: Detector,
    task: Task,
    teacher: TorchTeacher,
    lessons: Lessons,
    settings: QuantizeSettings,
    steps: Mapping[str, Step],
) -> Trained:
    worst = min(steps.values(), key=lambda step: (step.score or 0.0, step.sqnr_db)).target
    for line in lessons.notes:
        say(line)
    say(
        f"learning on {len(task.train)} pictures of {task.train.name} at {task.input_size} px, as "
        f"{', '.join(steps)} by turns; choosing by {worst} on {len(task.val)} of {task.val.name}"
    )
    use_file(model, worst)
    loss = FilesLoss([*steps], teacher, settings.qat, lessons.truth)
    whole = settings.model_dump_json(exclude={"qat": {"train"}})
    also = {"quantize": hashlib.sha256(whole.encode()).hexdigest()}
    return train(model, task, loss, also)


def _told(trained: Trained, task: Task, lessons: Lessons) -> dict[str, Any]:
    history = trained.history
    best = max((row for row in history if "mAP" in row), key=lambda row: row["mAP"])
    return {
        "device": device_name(),
        "train": described(task.train),
        "val": described(task.val),
        "truth": lessons.truth,
        "notes": [*lessons.notes],
        "epochs": history[-1]["epoch"],
        "best_epoch": best["epoch"],
        "steps": history[-1]["step"],
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "loss": [row["loss"] for row in history],
    }
