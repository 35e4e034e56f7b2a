"""Pictures to learn from, whatever they come from, and those of a data set on disk."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from edgecv.data.pictures import read_picture
from edgecv.data.samples import Dataset, Sample
from edgecv.types import Array, Image, Ints


class Labelled(NamedTuple):
    """A picture and its objects; nobody writes into it.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes_xyxy: (N, 4) float32, pixels of `image`.
        class_ids: (N,) int64.
    """

    image: Image
    boxes_xyxy: Array
    class_ids: Ints


class Pictures(Protocol):
    """What training reads. `picture` is called from several threads.

    Attributes:
        name: for messages and reports.
        class_names: of the class ids, in order.
        digest: hex; another one when there are other pictures or labels.
    """

    @property
    def name(self) -> str: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def digest(self) -> str: ...

    def __len__(self) -> int: ...

    def picture(self, index: int) -> Labelled: ...


class DatasetPictures:
    """The pictures of a data set, decoded when asked for.

    Boxes of crowds are left out: they stand for many objects, or for none that can be told.

    Args:
        dataset: checked by `open_dataset`.
        side: of the largest input they are for, in pixels: pictures of twice that and more are
            made smaller when they are decoded. None: as they are.
        cache_mb: decoded pictures are kept until they fill so much; 0: none.
    """

    def __init__(self, dataset: Dataset, side: int | None = None, cache_mb: int = 0) -> None:
        self.dataset = dataset
        self._side = side
        self._kept: dict[int, Image] = {}
        self._room = cache_mb * 1_000_000
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.dataset.class_names

    @property
    def digest(self) -> str:
        """Of names, sizes, boxes and classes; the pixels are not read."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for sample in self.dataset.samples:
            digest.update(f"{sample.path.name} {sample.width} {sample.height}".encode())
            for array in (sample.boxes_xyxy, sample.class_ids, sample.crowd):
                digest.update(array.tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.dataset.samples)

    def picture(self, index: int) -> Labelled:
        """A picture and its objects.

        Raises:
            DataError: the file is missing or cannot be decoded.
        """
        sample = self.dataset.samples[index]
        image = self._image(index)
        height, width = image.shape[:2]
        ratio = np.array([width / sample.width, height / sample.height] * 2, np.float32)
        alone = ~sample.crowd
        return Labelled(image, sample.boxes_xyxy[alone] * ratio, sample.class_ids[alone])

    def _image(self, index: int) -> Image:
        kept = self._kept.get(index)
        if kept is not None:
            return kept if kept.ndim == 3 else np.asarray(cv2.cvtColor(kept, cv2.COLOR_GRAY2BGR))
        sample = self.dataset.samples[index]
        image = read_picture(sample.path, _reduction(sample, self._side))
        if self._room > 0:
            self._keep(index, _one_channel_if_grey(image))
        return image

    def _keep(self, index: int, image: Image) -> None:
        # first come, first kept: an epoch asks for every picture, so whatever would be dropped
        # for a newer one is asked for again before that one is
        with self._lock:
            if index not in self._kept and image.nbytes <= self._room:
                self._room -= image.nbytes
                self._kept[index] = image


def _reduction(sample: Sample, side: int | None) -> int:
    """How many times smaller a picture may be decoded and still be twice the input's side."""
    longest = max(sample.width, sample.height)
    return 1 if side is None else next((k for k in (8, 4, 2) if longest >= 2 * side * k), 1)


def _one_channel_if_grey(image: Image) -> Image:
    """(H, W) of a picture whose channels are equal, a third of the memory; else the picture."""
    blue, green, red = cv2.split(image)
    if np.array_equal(blue, green) and np.array_equal(green, red):
        return np.asarray(blue)
    return image
