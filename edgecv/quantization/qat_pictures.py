"""What quantisation-aware training learns from: a data set, or photos that the network explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from edgecv.data.dataset import class_map
from edgecv.data.pictures import picture_size
from edgecv.data.samples import Dataset, Mark, Sample, make_sample
from edgecv.errors import DataError, UsageError
from edgecv.models.detector import Detector
from edgecv.recipe import QatSettings
from edgecv.training.held_out import held_out
from edgecv.training.pictures import DatasetPictures, Pictures
from edgecv.training.splits import open_parts
from edgecv.training.validation import answers
from edgecv.types import Ints

SURE = 0.3  # score from which an answer of the float network counts as what is there
LEAST_PX = 1.0  # side of such a box


class Lessons(NamedTuple):
    """Pictures; their classes are those of the network, in its order.

    Attributes:
        train: to learn from.
        val: to choose the best weights by; no file is judged on them where there is no data set.
        truth: whether train has ground truth for every class.
        notes: what the user should know, a line each.
    """

    train: Pictures
    val: Pictures
    truth: bool
    notes: tuple[str, ...]


def open_labelled(
    data: Path | None, settings: QatSettings, class_names: tuple[str, ...], size: int
) -> Lessons:
    """The parts of a data set. Ground truth that lacks a class of the network's teaches nothing.

    Args:
        data: as for `open_parts`.
        settings: of the recipe.
        class_names: of the network.
        size: side of its input in pixels.

    Raises:
        DataError: the parts cannot be used, or have a class that the network does not know.
        UsageError: the float network would have to teach, and may not.
    """
    train, val, notes = open_parts(data, settings.train, size)
    mine, known = _of_network(train, class_names, settings, size)
    lacking = [name for name in class_names if name not in known]
    if lacking and settings.truth:
        notes += (
            f"{train.name}: has not all classes of the network ({lacking[0]}, for one), so that "
            "its other objects would count as none: the float network alone teaches",
        )
    truth = not lacking and settings.truth > 0
    if not truth and not settings.response:
        raise UsageError(
            f"quantize.qat: {train.name} has not all classes of the network, and with "
            "quantize.qat.response=0 nothing is left to learn from. Leave that setting out"
        )
    return Lessons(mine, _of_network(val, class_names, settings, size)[0], truth, notes)


def _of_network(
    pictures: Pictures, class_names: tuple[str, ...], settings: QatSettings, size: int
) -> tuple[Pictures, set[str]]:
    """Pictures with the class ids of a network, and which of its classes they know."""
    if not isinstance(pictures, DatasetPictures):
        if pictures.class_names != class_names:
            raise UsageError(
                f"{pictures.name}: its class names are {list(pictures.class_names)}, expected "
                f"those of the network: {list(class_names)}"
            )
        return pictures, set(class_names)
    ids = class_map(pictures.dataset, class_names)
    known = {class_names[index] for index in ids if index >= 0}
    samples = tuple(_numbered(sample, ids) for sample in pictures.dataset.samples)
    dataset = replace(pictures.dataset, class_names=class_names, samples=samples)
    return _pictures(dataset, settings, size), known


def _numbered(sample: Sample, ids: Ints) -> Sample:
    return replace(sample, class_ids=ids[sample.class_ids])


def _pictures(dataset: Dataset, settings: QatSettings, size: int) -> DatasetPictures:
    reach = size + 32 * settings.train.augment.multiscale
    return DatasetPictures(dataset, reach, settings.train.cache_mb)


def open_photos(
    paths: Sequence[Path],
    settings: QatSettings,
    class_names: tuple[str, ...],
    size: int,
    model: Detector,
) -> Lessons:
    """Photos without ground truth; on those of val, what the float network finds counts as such.

    Args:
        paths: two at least.
        settings: of the recipe.
        class_names: of the network.
        size: side of its input in pixels.
        model: the float network, in eval mode.

    Raises:
        UsageError: too few photos, or the float network may not teach.
        DataError: it finds nothing on those of val.
    """
    if len(paths) < 2:
        raise UsageError(
            f"quantize.qat: of the photos that do not judge the files {len(paths)} is left to "
            "learn from, expected two at least. Give more with --calibration, or ground truth "
            "with --data"
        )
    if not settings.response:
        raise UsageError(
            "quantize.qat: without --data there is no ground truth, and with "
            "quantize.qat.response=0 nothing is left to learn from. Give --data, or leave that "
            "setting out"
        )
    train = settings.train
    chosen = held_out([path.name for path in paths], train.val_fraction, train.seed)
    learnt, kept = ([p for p, out in zip(paths, chosen, strict=True) if out == o] for o in (0, 1))
    bare = [_pictures(_photos(part, class_names), settings, size) for part in (learnt, kept)]
    val = _explained(bare[1], model, size)
    note = (
        f"no ground truth: the float network alone teaches, on {len(learnt)} photos; its own "
        f"answers on {len(kept)} others choose the best weights"
    )
    return Lessons(bare[0], val, False, (note,))


def _photos(paths: Sequence[Path], class_names: tuple[str, ...]) -> Dataset:
    samples = tuple(make_sample(path, i, picture_size(path), []) for i, path in enumerate(paths))
    name = f"{len(paths)} photos of {paths[0].parent.name}"
    return Dataset(name, paths[0].parent, "photos", class_names, samples)


def _explained(photos: DatasetPictures, model: Detector, size: int) -> DatasetPictures:
    samples = []
    for sample, found in zip(photos.dataset.samples, answers(model, photos, size), strict=True):
        sides = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
        sure = (found.scores >= SURE) & (sides > LEAST_PX).all(axis=1)
        marks = [
            Mark((left, top, right, bottom), class_id)
            for (left, top, right, bottom), class_id in zip(
                found.boxes_xyxy[sure].tolist(), found.class_ids[sure].tolist(), strict=True
            )
        ]
        wh = (sample.width, sample.height)
        samples.append(make_sample(sample.path, sample.image_id, wh, marks))
    if not any(len(sample.class_ids) for sample in samples):
        raise DataError(
            f"quantize.qat: on {photos.name} the network finds nothing of score {SURE} and more, "
            "so there is nothing to keep. Give photos of what it is for, or ground truth (--data)"
        )
    return DatasetPictures(replace(photos.dataset, samples=tuple(samples)))
