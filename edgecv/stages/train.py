"""Train the network of a bundle on pictures, or a new one where the bundle has none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgecv.bundle import Bundle, InputSpec, ModelSpec
from edgecv.errors import ModelError, UsageError
from edgecv.progress import say
from edgecv.recipe import TrainSettings
from edgecv.stages import Context
from edgecv.stages.load import LABELS, SIZE, SIZES, SOURCE, WEIGHTS

if TYPE_CHECKING:
    from edgecv.models.detector import Config, Detector
    from edgecv.training.loop import Trained
    from edgecv.training.splits import Parts

# where a bundle keeps how its network was trained
FOLDER = "training"


class Job(NamedTuple):
    """What another process needs to train along with the first."""

    config: Config
    settings: TrainSettings
    data: Path | None
    input_size: int
    folder: Path


def run(bundle: Bundle, settings: TrainSettings, context: Context) -> dict[str, Any]:
    """Train; the weights with the best mAP on the validation pictures become the bundle's.

    Raises:
        UsageError: the network cannot be trained, or a half-done training is of other settings.
        DataError: the pictures cannot be used.
        EdgecvError: the loss is not finite, or memory does not suffice.
    """
    from edgecv.models.detector import name_of
    from edgecv.training.outcome import described, device_name, outcome
    from edgecv.training.processes import from_first, world
    from edgecv.training.splits import open_parts

    size = settings.input_size or _size(bundle, settings)
    parts = open_parts(context.data, settings, size)
    names = parts.train.class_names
    model, kept = _first_network(bundle, settings, names)
    name = name_of(model.config)
    warnings = warnings_on(context.data, settings, size)
    for line in (*parts.notes, *warnings, kept):
        say(line)
    folder = context.scratch or bundle.path(f".{FOLDER}")
    say_start(parts, settings, size, folder)
    from_first(Job(model.config, settings, context.data, size, folder.absolute()))
    trained = _train(model, parts, settings, size, folder)
    spec = ModelSpec(name=name, class_names=names, input=InputSpec(width=size, height=size))
    place(bundle, trained, spec, folder)
    return {
        "command": [*context.command],
        "start": bundle.metrics("load").get("weights"),
        "kept": kept,
        "device": device_name(),
        "processes": world().size,
        "train": described(parts.train),
        "val": described(parts.val),
        "notes": [*parts.notes],
        "warnings": [*warnings],
        **outcome(trained, parts.val, size, bundle.path(FOLDER)),
    }


def follow() -> None:
    """Train along with the first process until it says that all is done."""
    from edgecv.models.detector import build
    from edgecv.training.processes import from_first
    from edgecv.training.splits import open_parts

    while (job := from_first(None)) is not None:
        parts = open_parts(job.data, job.settings, job.input_size)
        _train(build(job.config), parts, job.settings, job.input_size, job.folder)


def _train(
    model: Detector, parts: Parts, settings: TrainSettings, size: int, folder: Path
) -> Trained:
    from edgecv.training.loop import Task, train

    return train(model, Task(parts.train, parts.val, settings, size, folder))


def _first_network(
    bundle: Bundle, settings: TrainSettings, names: tuple[str, ...]
) -> tuple[Detector, str]:
    """The network as it is before the first step, and a line on where it comes from."""
    from edgecv.training.transfer import for_classes, new_network

    if bundle.manifest.spec is None:
        model = new_network(settings.variant, len(names), settings.seed)
        return model, f"no weights given: {settings.variant} is trained from scratch"
    return for_classes(_network(bundle), bundle.spec.class_names, names, settings.seed)


def _network(bundle: Bundle) -> Detector:
    from edgecv.models.detector import read_detector

    if bundle.path(SOURCE).is_file():
        raise ModelError(
            f"{bundle.metrics('load').get('weights')}: an ONNX file cannot be trained. Give the "
            "checkpoint that it came from (.pth, .pt, .safetensors)"
        )
    return read_detector(bundle.path(WEIGHTS))


def _size(bundle: Bundle, settings: TrainSettings) -> int:
    spec = bundle.manifest.spec
    if spec is None:
        return SIZES.get(settings.variant, SIZE)
    if spec.input.width != spec.input.height:
        raise UsageError(
            f"the network's input is {spec.input.width}x{spec.input.height}; training takes a "
            "square one. Name its side: --set train.input_size=416"
        )
    return spec.input.width


def warnings_on(data: Path | None, settings: TrainSettings, size: int) -> tuple[str, ...]:
    """What `edgecv data check` has to say; reads each picture once, as an epoch does."""
    if data is None or settings.custom is not None:
        return ()
    from edgecv.data.check import check

    return check(data, input_size=size).findings.warnings


def say_start(parts: Parts, settings: TrainSettings, size: int, folder: Path) -> None:
    from edgecv.training.processes import world

    here = world()
    where = f"{here.size} processes on {here.device.type}" if here.size > 1 else str(here.device)
    say(
        f"training on {len(parts.train)} pictures of {parts.train.name}, choosing by "
        f"{len(parts.val)} of {parts.val.name}; {settings.epochs} epochs at {size} px on {where}"
    )
    say(f"curves: tensorboard --logdir {folder}")


def place(bundle: Bundle, trained: Trained, spec: ModelSpec, folder: Path) -> None:
    from edgecv.models.checkpoint import read_about, read_checkpoint, write_checkpoint
    from edgecv.training.journal import HISTORY, TENSORBOARD

    about = read_about(trained.weights)
    about = about._replace(class_names=spec.class_names, input_size=spec.input.width)
    write_checkpoint(bundle.new_file(WEIGHTS), read_checkpoint(trained.weights), about)
    shutil.copyfile(folder / HISTORY, bundle.new_file(f"{FOLDER}/{HISTORY}"))
    shutil.copytree(folder / TENSORBOARD, bundle.path(f"{FOLDER}/{TENSORBOARD}"))
    bundle.new_file(LABELS).write_text("".join(f"{name}\n" for name in spec.class_names), "utf-8")
    bundle.update(spec=spec)
