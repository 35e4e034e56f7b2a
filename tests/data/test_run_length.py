from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as reference

from edgecv.data.run_length import encode_mask


def masks() -> list[np.ndarray]:
    """Empty, full, single pixels at the ends, blobs and noise of several shapes."""
    random = np.random.default_rng(1)
    made = [np.zeros((4, 6), bool), np.ones((4, 6), bool), np.zeros((300, 200), bool)]
    for at in ((0, 0), (3, 5), (2, 3)):
        one = np.zeros((4, 6), bool)
        one[at] = True
        made.append(one)
    made[2][40:260, 30:170] = True
    made += [random.random(shape) < share for shape in ((7, 5), (64, 48)) for share in (0.1, 0.7)]
    return made


@pytest.mark.parametrize("mask", masks())
def test_runs_are_those_of_the_reference(mask: np.ndarray) -> None:
    found = encode_mask(mask)
    expected = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert found == {"size": list(mask.shape), "counts": expected["counts"].decode()}


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mask is \(2, 3, 4\), expected \(H, W\)"):
        encode_mask(np.zeros((2, 3, 4), bool))
