"""A folder of photos without ground truth, as pictures to learn from."""

from __future__ import annotations

from pathlib import Path

from edgecv.data.pictures import NAMED, picture_size, usable_pictures
from edgecv.data.samples import Dataset, make_sample
from edgecv.progress import say
from edgecv.recipe import DistillSettings
from edgecv.training.mixed import Mixed
from edgecv.training.pictures import DatasetPictures, Pictures


def open_unlabelled(
    folder: Path, class_names: tuple[str, ...], side: int, cache_mb: int
) -> DatasetPictures:
    """The photos of a folder that decode; those that do not are said.

    Args:
        folder: of photos, whatever lies beside them.
        class_names: of the pictures with ground truth.
        side: of the largest input in pixels.
        cache_mb: as for DatasetPictures.

    Raises:
        DataError: no folder, or no photo in it that decodes.
    """
    paths, skipped = usable_pictures(folder, 1)
    if skipped:
        first = ", ".join(f"{item.path.name} ({item.reason})" for item in skipped[:NAMED])
        say(f"{folder}: {len(skipped)} photos cannot be used and are left out: {first}")
    samples = [make_sample(path, i, picture_size(path), []) for i, path in enumerate(paths)]
    photos = Dataset(
        f"{len(paths)} photos of {folder.name}", folder, "photos", class_names, tuple(samples)
    )
    return DatasetPictures(photos, side, cache_mb)


def with_unlabelled(pictures: Pictures, settings: DistillSettings, size: int) -> Pictures:
    """Pictures as they are, or with the photos that the settings name among them.

    Args:
        pictures: with ground truth.
        settings: folder and share of the photos.
        size: side of the input in pixels.

    Raises:
        DataError: no such folder, or no photo in it that decodes.
    """
    if settings.unlabelled is None:
        return pictures
    train = settings.train
    photos = open_unlabelled(
        Path(settings.unlabelled).expanduser(),
        pictures.class_names,
        size + 32 * train.augment.multiscale,
        train.cache_mb,
    )
    say(f"learning from {photos.name} too, by the teacher alone")
    return Mixed(pictures, photos, settings.unlabelled_share)
