"""Cut channels out of the network of a bundle, with fine-tuning in between."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecv.bundle import Bundle
from edgecv.errors import DataError, ModelError, UsageError
from edgecv.progress import say
from edgecv.recipe import PruneSettings, TrainSettings
from edgecv.stages import Context
from edgecv.stages.load import LABELS, SOURCE, WEIGHTS

if TYPE_CHECKING:
    from edgecv.models.detector import Detector
    from edgecv.pruning.job import Job
    from edgecv.training.splits import Parts

# where a bundle keeps how its network was pruned
FOLDER = "pruning"


def run(bundle: Bundle, settings: PruneSettings, context: Context) -> dict[str, Any]:
    """Prune; the weights that are left become the bundle's.

    Returns:
        As `edgecv.pruning.schedule.prune`, and {"unit", "keep", "engine", "summary"}.

    Raises:
        UsageError: the share to keep would empty layers, or a half-done pruning is of others.
        ModelError: the network came as an ONNX file.
        DataError: the pictures cannot be used, or are of classes that the network does not know.
        EngineError: the engine refuses the network.
    """
    from edgecv.models.checkpoint import About, write_checkpoint
    from edgecv.models.detector import architecture_of
    from edgecv.pruning.schedule import prune

    if bundle.path(SOURCE).is_file():
        raise ModelError(
            f"{bundle.metrics('load').get('weights')}: an ONNX file cannot be pruned. Give the "
            "checkpoint that it came from (.pth, .pt, .safetensors)"
        )
    size = _size(bundle, settings)
    parts = _parts(settings, context, size)
    model = _network(bundle, parts)
    job = _job(bundle, settings, context, parts, size)
    found = prune(model, job)
    about = About(bundle.spec.class_names, size, architecture_of(found.model.config))
    write_checkpoint(bundle.new_file(WEIGHTS), found.model.state_dict(), about)
    bundle.write_json(f"{FOLDER}/{FOLDER}.json", found.told)
    unit = "MACs" if settings.macs else "time"
    engine = {"engine": job.engine._asdict()} if settings.latency else {}
    summary = _summary(found.told, unit)
    return {**found.told, "unit": unit, "keep": job.keep, **engine, "summary": summary}


def _size(bundle: Bundle, settings: PruneSettings) -> int:
    size = bundle.spec.input
    asked = settings.train.input_size if settings.train else None
    if size.width != size.height or asked not in (None, size.width):
        raise UsageError(
            f"the network's input is {size.width}x{size.height}; pruning fine-tunes on squares of "
            "that size. Name its side: --set load.input_size=416, and leave out "
            "prune.train.input_size"
        )
    return size.width


def _parts(settings: PruneSettings, context: Context, size: int) -> Parts | None:
    """The pictures to learn from and to score on; None where none are given and none needed."""
    from edgecv.training.splits import open_parts

    train = settings.train
    if context.data is None and train is None and settings.importance != "taylor":
        return None
    if context.data is None and (train is None or train.custom is None):
        what = "fine-tune on" if train else "judge channels by (prune.importance: taylor)"
        raise DataError(
            f"prune: no data to {what}: --data DIR takes pictures with ground truth. "
            "To cut without: --set prune.train=null --set prune.importance=magnitude"
        )
    parts = open_parts(context.data, train or TrainSettings(), size)
    for line in parts.notes:
        say(line)
    return parts


def _network(bundle: Bundle, parts: Parts | None) -> Detector:
    from edgecv.models.detector import read_detector
    from edgecv.training.transfer import for_classes

    model = read_detector(bundle.path(WEIGHTS))
    if parts is None:
        return model
    had, wanted = bundle.spec.class_names, parts.train.class_names
    known = {name.casefold() for name in had}
    if unknown := [name for name in wanted if name.casefold() not in known]:
        raise DataError(
            f"{parts.train.name}: class '{unknown[0]}' is not one of the network's "
            f"({', '.join(had[:4])}{', ...' if len(had) > 4 else ''}), and what was never learnt "
            "cannot be weighed. Train it first: edgecv train, or a section train in the recipe"
        )
    model, kept = for_classes(model, had, wanted, seed=0)
    if list(had) != list(wanted):
        say(kept)
        bundle.new_file(LABELS).write_text("".join(f"{name}\n" for name in wanted), "utf-8")
        bundle.update(spec=bundle.spec.model_copy(update={"class_names": wanted}))
    return model


def _job(
    bundle: Bundle, settings: PruneSettings, context: Context, parts: Parts | None, size: int
) -> Job:
    from edgecv.machine import available_cores
    from edgecv.metrics.layers import read_layers
    from edgecv.pruning.conv_times import Engine
    from edgecv.pruning.job import Job

    table = None
    if settings.latency and settings.layers is not None:
        table = read_layers(Path(settings.layers).expanduser(), settings.engine)
    engine = Engine(settings.engine, available_cores())
    folder = context.scratch or bundle.path(f".{FOLDER}")
    return Job(settings, size, parts, folder, engine, table)


def _summary(told: dict[str, Any], unit: str) -> str:
    before, after = told["before"], told["after"]
    scores = "" if after["mAP"] is None else f", mAP {before['mAP']:.4f} -> {after['mAP']:.4f}"
    return (
        f"{told['share']:.1%} of the {unit}, "
        f"{before['parameters'] / 1e6:.2f} -> {after['parameters'] / 1e6:.2f} M parameters{scores}"
    )
