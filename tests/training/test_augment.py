from __future__ import annotations

import numpy as np
import pytest
from made_data import noise

from edgecv.bundle import InputSpec
from edgecv.recipe import AugmentSettings
from edgecv.runtime.preprocess import letterbox
from edgecv.training.augment import plain, vary
from edgecv.training.pictures import Labelled

NOTHING = AugmentSettings(
    mosaic=0, mixup=0, degrees=0, translate=0, scale=(1, 1), shear=0, hue=0, saturation=0,
    value=0, flip=0, multiscale=0,
)  # fmt: skip


class Grey:
    """Pictures of one grey level each, all of it one object; the level is the class."""

    name, digest = "grey", ""
    class_names = tuple(map(str, range(256)))

    def __init__(self, *levels: int) -> None:
        self.levels = levels

    def __len__(self) -> int:
        return len(self.levels)

    def picture(self, index: int) -> Labelled:
        level = self.levels[index]
        box = np.array([[0, 0, 64, 64]], np.float32)
        return Labelled(np.full((64, 64, 3), level, np.uint8), box, np.array([level]))


def labelled(width: int = 96, height: int = 64) -> Labelled:
    box = np.array([[8, 4, 40, 60]], np.float32)
    return Labelled(noise(width, height), box, np.array([1]))


def test_a_plain_picture_is_what_inference_sees() -> None:
    # HSV and back is not exact; grey pixels are
    grey = np.repeat(noise(96, 64)[..., :1], 3, axis=2)
    picture = labelled()._replace(image=grey)

    found = plain(picture, 48, NOTHING, np.random.default_rng(0))

    assert (found.image == letterbox(grey, InputSpec(width=48, height=48))[0]).all()
    assert found.boxes_xyxy.tolist() == [[4, 2, 20, 30]]
    assert found.class_ids.tolist() == [1]


def test_a_mirrored_picture_still_stands_top_left_in_its_grey() -> None:
    picture = labelled(64, 96)
    picture.image[4:60, 8:40] = 0
    settings = NOTHING.model_copy(update={"flip": 1.0})

    found = plain(picture, 48, settings, np.random.default_rng(0))

    assert found.boxes_xyxy.tolist() == [[12, 2, 28, 30]]
    assert (found.image[3:29, 13:27] == 0).all()
    assert (found.image[:, 32:] == 114).all()


def test_new_colours_leave_the_border_its_grey() -> None:
    settings = NOTHING.model_copy(update={"value": 1.0})

    found = plain(labelled(), 48, settings, np.random.default_rng(0))

    assert (found.image[32:] == 114).all()
    assert (
        found.image[:32] != plain(labelled(), 48, NOTHING, np.random.default_rng(0)).image[:32]
    ).any()


def test_varied_by_nothing_a_picture_is_plain() -> None:
    grey = Grey(50)

    varied = vary(grey, 0, 32, NOTHING, np.random.default_rng(0))
    unvaried = plain(grey.picture(0), 32, NOTHING, np.random.default_rng(0))

    assert (varied.image == unvaried.image).all()
    assert varied.boxes_xyxy.tolist() == unvaried.boxes_xyxy.tolist() == [[0, 0, 32, 32]]


def test_a_mosaic_begins_with_its_own_picture_and_takes_three_more() -> None:
    settings = NOTHING.model_copy(update={"mosaic": 1.0})
    seen: set[int] = set()
    for seed in range(20):
        found = vary(Grey(10, 60, 160), 1, 32, settings, np.random.default_rng(seed))
        levels = set(np.unique(found.image).tolist())
        assert 60 in levels
        assert set(found.class_ids.tolist()) <= levels
        seen |= levels
    assert seen >= {10, 60, 160}


def test_mixup_halves_what_it_mixes() -> None:
    settings = NOTHING.model_copy(update={"mosaic": 1.0, "mixup": 1.0})

    found = vary(Grey(50), 0, 32, settings, np.random.default_rng(2))

    assert set(np.unique(found.image)) <= {50, 82}  # 82: half of the grey border
    assert len(found.boxes_xyxy) >= 2
    assert found.boxes_xyxy[-1].tolist() == [0, 0, 32, 32]


@pytest.mark.parametrize("side", [32, 96])
@pytest.mark.parametrize("seed", range(5))
def test_all_variations_together_give_the_size_and_boxes_inside_it(side: int, seed: int) -> None:
    settings = AugmentSettings(mixup=0.5)

    found = vary(Grey(10, 60, 160), 0, side, settings, np.random.default_rng(seed))

    assert (found.image.shape, found.image.dtype) == ((side, side, 3), np.uint8)
    assert (found.boxes_xyxy.dtype, found.class_ids.dtype) == (np.float32, np.int64)
    assert found.boxes_xyxy.min(initial=0) >= 0
    assert found.boxes_xyxy.max(initial=0) <= side
    assert len(found.boxes_xyxy) == len(found.class_ids)
