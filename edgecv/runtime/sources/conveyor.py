"""The procedural belt as an endless video that knows its own truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import parse_qs, urlsplit

import numpy as np

from edgecv.errors import UsageError
from edgecv.runtime.frames import ArrayPicture
from edgecv.runtime.sources._capture import Capture, Shot, Source
from edgecv.types import Detections

DEFAULTS = {"seed": "0", "size": "640x480", "fps": "25", "scene": "0"}
EXPECTED = "conveyor://?seed=0&size=640x480&fps=25&scene=0, each optional"


@dataclass(frozen=True)
class Belt:
    """One scene of `edgecv.data.conveyor`, from its frame 0, at a camera's pace.

    Attributes:
        truth_names: classes of its ground truth.
    """

    seed: int
    scene: int
    size_wh: tuple[int, int]
    fps: float
    name: str = "conveyor"
    live: bool = True
    remote: bool = False

    @property
    def truth_names(self) -> tuple[str, ...]:
        from edgecv.data.conveyor import CLASS_NAMES

        return tuple(CLASS_NAMES)

    def open(self) -> Capture:
        return _Opened(self)


class _Opened:
    def __init__(self, belt: Belt) -> None:
        from edgecv.data.conveyor import Conveyor

        self._conveyor = Conveyor(belt.seed, belt.size_wh, scene=belt.scene)
        self.frame_rate, self._closed = belt.fps, False

    def __iter__(self) -> Iterator[Shot]:
        for index in count():
            if self._closed:
                return
            drawn = self._conveyor.frame(index)
            parts = drawn.truth
            sure = np.ones(len(parts.class_ids), np.float32)
            truth = Detections(parts.boxes_xyxy, sure, parts.class_ids, parts.track_ids)
            yield Shot(ArrayPicture(drawn.image), index / self.frame_rate, truth)

    def close(self) -> None:
        self._closed = True


def find(text: str) -> list[Source]:
    """The belt of conveyor://?seed=0&size=640x480&fps=25&scene=0.

    Raises:
        UsageError: an unknown setting, or a value that is none.
    """
    parts = urlsplit(text)
    found = {key: values[-1] for key, values in parse_qs(parts.query, True).items()}
    asked = DEFAULTS | found
    size = re.fullmatch(r"(\d{2,4})x(\d{2,4})", asked["size"])
    whole = all(re.fullmatch(r"\d{1,9}", asked[name]) for name in ("seed", "scene"))
    rate = re.fullmatch(r"\d{1,3}(\.\d+)?", asked["fps"])
    if set(asked) != set(DEFAULTS) or size is None or not whole or rate is None:
        raise UsageError(f"{text}: expected {EXPECTED}")
    size_wh = (int(size[1]), int(size[2]))
    if min(size_wh) < 64 or max(size_wh) > 4096 or not float(asked["fps"]):
        raise UsageError(f"{text}: expected sides of 64 to 4096 pixels and a rate above 0")
    return [Belt(int(asked["seed"]), int(asked["scene"]), size_wh, float(asked["fps"]))]
