"""What a run is given: weights, data, calibration pictures. Checked and hashed before any stage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgecv.bundle import sha256_of
from edgecv.data.dataset import Dataset
from edgecv.data.pictures import NAMED, find_pictures, usable_pictures
from edgecv.data.scored import HELD_OUT, scored
from edgecv.embedded import with_pictures
from edgecv.errors import DataError, UsageError
from edgecv.models.download import EMBEDDED, OFFICIAL, is_embedded, is_url
from edgecv.progress import Advance, bar, say
from edgecv.recipe import DistillSettings, QatTrainSettings, Recipe, TrainSettings
from edgecv.stages import STAGES, Context, Input

if TYPE_CHECKING:
    from edgecv.training.splits import Parts

# fewer say too little about the range of a tensor
CALIBRATION_MIN = 8


@dataclass(frozen=True)
class Inputs:
    """All that a run reads.

    Attributes:
        context: with the pictures to calibrate on filled in.
        dataset: the ground truth, opened; None without.
        digests: sha256 of the contents of each input that there is.
        lessons: the same of what each stage that learns from the data learns from.
    """

    context: Context
    dataset: Dataset | None
    digests: dict[Input, str]
    lessons: dict[str, str] = field(default_factory=dict)

    def digest(self, read: Input, stage: str) -> str | None:
        """Of an input as a stage reads it; None: it has none."""
        return self.lessons.get(stage) if read == "training" else self.digests.get(read)


def open_inputs(recipe: Recipe, context: Context) -> Inputs:
    """Find, check and hash what a run is given; pictures are decoded by `check_calibration` only.

    Raises:
        UsageError: something is missing.
        WeightsError: there is no such file.
        DataError: no pictures, or ground truth that is wrong.
    """
    weights = None if _from_scratch(recipe, context) else weights_of(recipe, context)
    unsaid = context.data is None and context.calibration is None
    if is_embedded(weights) and unsaid and not recipe.trainings:
        context = with_pictures(context)
    context = replace(context, weights=weights, calibration=context.calibration or context.data)
    digests: dict[Input, str] = {} if weights is None else {"weights": _digest_of_weights(weights)}
    if context.calibration is None and (recipe.quantize or recipe.evaluate):
        raise UsageError(
            "no pictures given: --data DIR takes pictures with ground truth, to measure mAP on; "
            "--calibration DIR takes pictures without, to measure ranges on. Give one or both"
        )
    reads = {key for name in STAGES if getattr(recipe, name) for key in STAGES[name].reads}
    own = any(settings.custom is not None for settings in recipe.trainings.values())
    parts = {
        stage: _parts(settings, context.data)
        for stage, settings in recipe.trainings.items()
        # which learns from --calibration, without a data set
        if context.data or settings.custom or not isinstance(settings, QatTrainSettings)
    }
    context = replace(context, held_out=_held_out(parts.values()))
    # a user's own Dataset may come from a folder of no known format
    dataset = None if own and not recipe.evaluate else scored(context.data, context.held_out)
    if dataset is not None and not any(len(sample.class_ids) for sample in dataset.samples):
        raise DataError(
            f"{context.data}: no box in the ground truth, so there is nothing to score. "
            "Annotate some pictures, or give them as --calibration"
        )
    calibration = context.calibration if "calibration" in reads else None
    pictures = [] if calibration is None else find_pictures(calibration)
    total = len(pictures) + (len(dataset.samples) if dataset else 0)
    with bar("reading pictures", total) as advance:
        if dataset is not None:
            digests["data"] = _digest(_truth(dataset), advance)
        if calibration is not None:
            root = calibration
            named = ((path.relative_to(root).as_posix().encode(), path) for path in pictures)
            digests["calibration"] = _digest(named, advance)
    lessons = {stage: _digest_of_training(each) for stage, each in parts.items()}
    if recipe.distill is not None:
        digests["student"] = _digest_of_student(recipe.distill)
    return Inputs(context, dataset, digests, lessons)


def _from_scratch(recipe: Recipe, context: Context) -> bool:
    named = context.weights or (recipe.load and recipe.load.weights)
    return recipe.train is not None and not named


def weights_of(recipe: Recipe, context: Context) -> str:
    """What names the network: the command's word, else the recipe's, else the embedded one.

    Raises:
        UsageError: neither names one, and pictures are given, which it does not know.
    """
    weights = context.weights or (recipe.load.weights if recipe.load else None)
    if weights is None and context.data is None and context.calibration is None:
        return EMBEDDED
    if weights is None:
        raise UsageError(
            "no weights given: --weights takes a checkpoint (.pth, .pt, .safetensors), an ONNX "
            f"file, a URL, the name of a download ({', '.join(OFFICIAL)}), or {EMBEDDED}, the "
            "detector that comes with edgecv. With neither weights nor pictures, that one is taken"
        )
    return weights


def stem_of(weights: str) -> str:
    """The name of a network without folders and suffix, for a path or a URL."""
    return Path(urlsplit(weights).path).stem or "network"


def check_calibration(folder: Path) -> None:
    """Decode all pictures; say which cannot be used.

    Raises:
        DataError: too few remain.
    """
    usable, skipped = usable_pictures(folder, CALIBRATION_MIN)
    if skipped:
        say(f"{folder}: {len(skipped)} of {len(usable) + len(skipped)} pictures cannot be used:")
        for item in skipped[:NAMED]:
            say(f"  {item.path.name}: {item.reason}")
        if len(skipped) > NAMED:
            say(f"  and {len(skipped) - NAMED} more")


def _digest_of_weights(weights: str) -> str:
    # what a name or URL stands for is known when it was fetched, and a download is kept
    if not Path(weights).expanduser().is_file() and (weights in OFFICIAL or is_url(weights)):
        return hashlib.sha256(weights.encode()).hexdigest()
    from edgecv.stages.load import find_weights

    path = find_weights(weights)
    parts = [path, *_beside(path)] if path.suffix.lower() == ".onnx" else [path]
    return hashlib.sha256("".join(map(sha256_of, parts)).encode()).hexdigest()


def _parts(settings: TrainSettings, data: Path | None) -> Parts:
    from edgecv.training.splits import open_parts

    return open_parts(data, settings, settings.input_size or 640)


def _held_out(trainings: Iterable[Parts]) -> frozenset[Path] | None:
    """What none of some trainings learns from; None where the data has a part for it."""
    found: frozenset[Path] | None = None
    for parts in trainings:
        dataset: Dataset | None = getattr(parts.val, "dataset", None)
        if dataset is not None and dataset.name.endswith(HELD_OUT):
            paths = frozenset(sample.path for sample in dataset.samples)
            found = paths if found is None else found & paths
    return found


def _digest_of_training(parts: Parts) -> str:
    digests = []
    for part in (parts.train, parts.val):
        dataset = getattr(part, "dataset", None)
        count = len(dataset.samples) if dataset else 0
        with bar(f"reading {part.name}", count) as advance:
            digests.append(_digest(_truth(dataset), advance) if dataset else part.digest)
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _beside(path: Path) -> list[Path]:
    """The files that hold the weights of an ONNX file which does not hold them itself."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except DecodeError:
        return []  # the stage that loads it says what is wrong
    entries = [entry for weight in graph.initializer for entry in weight.external_data]
    names = sorted({entry.value for entry in entries if entry.key == "location"})
    return [path.parent / name for name in names if (path.parent / name).is_file()]


def _digest_of_student(settings: DistillSettings) -> str:
    """Of the weights that it starts from, and of the photos that its teacher alone knows."""
    from edgecv.models.student_weights import FETCHED, find_backbone_weights

    told = weights = settings.backbone_weights or ""
    if weights and weights != FETCHED:
        told = sha256_of(find_backbone_weights(weights, settings.student))
    if settings.unlabelled is not None:
        photos = find_pictures(Path(settings.unlabelled).expanduser())
        with bar("reading photos", len(photos)) as advance:
            told += _digest(((path.name.encode(), path) for path in photos), advance)
    return hashlib.sha256(told.encode()).hexdigest()


def _truth(dataset: Dataset) -> Iterable[tuple[bytes, Path]]:
    """What decides the score of each picture, in the form in which it is used."""
    classes = repr((dataset.name, dataset.class_names))
    for sample in dataset.samples:
        arrays = (sample.boxes_xyxy, sample.class_ids, sample.crowd, sample.areas)
        size = f"{classes} {sample.image_id} {sample.width} {sample.height}"
        yield size.encode() + b"".join(array.tobytes() for array in arrays), sample.path


def _digest(parts: Iterable[tuple[bytes, Path]], advance: Advance) -> str:
    digest = hashlib.sha256()
    for known, path in parts:
        digest.update(hashlib.sha256(known).digest())
        digest.update(bytes.fromhex(sha256_of(path)))
        advance()
    return digest.hexdigest()
