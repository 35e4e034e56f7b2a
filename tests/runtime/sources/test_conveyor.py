from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from edgecv.data.conveyor import Conveyor
from edgecv.errors import UsageError
from edgecv.runtime.sources import find_sources


def test_the_belt_gives_its_frames_with_their_truth() -> None:
    (source,) = find_sources(["conveyor://?seed=3&size=128x96&fps=50"])
    capture = source.open()
    shots = list(islice(iter(capture), 3))
    assert source.live
    assert capture.frame_rate == 50
    drawn = Conveyor(3, (128, 96)).frame(2)
    assert shots[2].time_s == 0.04
    np.testing.assert_array_equal(shots[2].picture.full(), drawn.image)
    truth = shots[2].truth
    assert truth is not None
    np.testing.assert_array_equal(truth.boxes_xyxy, drawn.truth.boxes_xyxy)
    np.testing.assert_array_equal(truth.track_ids, drawn.truth.track_ids)


@pytest.mark.parametrize(
    "settings", ["sizes=3", "size=12", "size=9x9", "seed=-1", "seed=", "fps=0", "fps=fast"]
)
def test_settings_that_mean_nothing_are_refused(settings: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        find_sources([f"conveyor://?{settings}"])


def test_closing_ends_the_belt() -> None:
    capture = find_sources(["conveyor://?size=64x64"])[0].open()
    shots = iter(capture)
    next(shots)
    capture.close()
    assert list(shots) == []
