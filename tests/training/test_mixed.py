from __future__ import annotations

import numpy as np
import pytest
from made_shapes import Shapes, quick

from edgecv.recipe import AugmentSettings
from edgecv.training.batches import batches
from edgecv.training.mixed import Mixed
from edgecv.training.pictures import Labelled


class Blank(Shapes):
    """Black pictures without an object."""

    def picture(self, index: int) -> Labelled:
        image = np.full((64, 64, 3), index, np.uint8)
        return Labelled(image, np.zeros((0, 4), np.float32), np.zeros(0, np.int64))


@pytest.mark.parametrize(("share", "whole"), [(0.5, 16), (0.2, 10), (0.01, 9)])
def test_the_share_is_that_of_all_pictures_and_at_least_one(share: float, whole: int) -> None:
    mixed = Mixed(Shapes(8), Blank(3), share)
    assert (len(mixed), mixed.labelled) == (whole, 8)
    assert mixed.class_names == Shapes.class_names


def test_positions_behind_the_labelled_stand_for_drawn_photos() -> None:
    mixed, draw = Mixed(Shapes(8), Blank(3), 0.5), np.random.default_rng(0)
    kind, at = mixed.pick(5, draw)
    assert isinstance(kind, Shapes)
    assert at == 5
    drawn = [mixed.pick(8, draw) for _ in range(40)]
    assert all(isinstance(kind, Blank) for kind, _ in drawn)
    assert {at for _, at in drawn} == {0, 1, 2}
    assert len(mixed.picture(15).boxes_xyxy) == 0
    assert len(mixed.picture(0).boxes_xyxy) > 0


def test_each_labelled_picture_is_seen_once_an_epoch_and_mosaics_do_not_mix() -> None:
    mixed = Mixed(Shapes(6), Blank(4), 0.5)
    mosaics = AugmentSettings(mosaic=1, mixup=1, degrees=0, translate=0, scale=(1, 1), shear=0,
                              hue=0, saturation=0, value=0, flip=0, multiscale=0)  # fmt: skip
    settings = quick(epochs=1, augment=mosaics)
    seen = []
    for batch in batches(mixed, settings, 64, epoch=0):
        for index, boxes in zip(batch.indices, batch.boxes_xyxy, strict=True):
            seen.append(index)
            if index >= mixed.labelled:
                assert len(boxes) == 0
    assert sorted(seen) == list(range(12))
    # of a mosaic with a labelled part something is seen
    again = [batch for batch in batches(mixed, settings, 64, epoch=0)]
    assert any(len(boxes) for batch in again for boxes in batch.boxes_xyxy)


def test_the_same_steps_see_the_same_photos_and_other_shares_are_another_training() -> None:
    mixed, settings = Mixed(Shapes(6), Blank(4), 0.5), quick(epochs=1)
    first, again = (
        [batch.images for batch in batches(mixed, settings, 64, epoch=0)] for _ in range(2)
    )
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    later = next(batches(mixed, settings, 64, epoch=0, start=2)).images
    assert (later == first[2]).all()
    digests = {
        Mixed(Shapes(6), Blank(4), 0.5).digest, Mixed(Shapes(6), Blank(4), 0.3).digest,
        Mixed(Shapes(6), Blank(5), 0.5).digest, Mixed(Shapes(7), Blank(4), 0.5).digest,
    }  # fmt: skip
    assert mixed.digest in digests
    assert len(digests) == 4
