"""The photos of a report: two variants of a bundle run over pictures of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edgecv.bundle import Bundle, Variant
from edgecv.data.pictures import find_pictures, read_picture
from edgecv.engines import Engine, open_engine
from edgecv.errors import DataError, EngineError
from edgecv.progress import Advance, bar
from edgecv.report.photos import SCORE_MIN, Comparison, Detect, compare
from edgecv.report.schema import Report
from edgecv.report.tiles import compared
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import letterbox
from edgecv.types import Detections, Frame, Image

EXAMINED = 48  # seconds of work, and enough to find where two files differ
NMS_IOU = 0.5  # tighter than COCO's protocol: doubled boxes tell a reader nothing
MAX_BOXES = 100

Shown = tuple[Comparison | None, str | None]


def gallery(bundle: Bundle, report: Report, count: int, folder: Path | None) -> Shown:
    """Up to `count` photos with float and INT8 boxes; or None, and why there are none.

    Args:
        bundle: its reference and its best INT8 variant are run.
        report: of the bundle.
        count: photos wanted; 0: none, without a word.
        folder: pictures, at any depth; at most 48 of them are examined, spread evenly.
    """
    int8, base = compared(report)
    base = report.variant(report.reference) or base
    if count == 0 or int8 is None or base is None:
        return None, None
    if folder is None:
        return None, "No photos are shown: neither --data nor --calibration was given."
    by_name = {variant.name: variant for variant in bundle.manifest.variants}
    try:
        return _run(bundle, by_name[base.name], by_name[int8.name], _spread(folder), count)
    except EngineError as error:
        # e.g. an INT8 file for another kind of CPU; the rest of the report still holds
        return None, f"No photos are shown: {error}"


def _run(bundle: Bundle, base: Variant, int8: Variant, paths: Sequence[Path], count: int) -> Shown:
    unreadable: list[str] = []
    with (
        open_engine(bundle, base) as before,
        open_engine(bundle, int8) as after,
        bar("photos", len(paths)) as advance,
    ):
        frames = _frames(paths, unreadable, advance)
        names = (base.name, int8.name)
        found = compare(frames, _detector(before), _detector(after), count, names)
    if not unreadable:
        return found, None
    return found, f"Pictures that cannot be read and were left out: {', '.join(unreadable)}."


def _spread(folder: Path) -> list[Path]:
    paths = find_pictures(folder)
    chosen = np.linspace(0, len(paths) - 1, min(EXAMINED, len(paths)))
    return [paths[round(float(index))] for index in chosen]


def _frames(paths: Sequence[Path], unreadable: list[str], advance: Advance) -> Iterator[Frame]:
    for index, path in enumerate(paths):
        try:
            yield Frame(read_picture(path), index, source=path.name)
        except DataError:
            unreadable.append(path.name)
        advance()


def _detector(engine: Engine) -> Detect:
    size = engine.spec.input

    def detect(image: Image) -> Detections:
        pixels, place = letterbox(image, size)
        boxes, scores = engine.infer(np.stack([pixels] * (size.batch or 1)))
        return postprocess(
            boxes[0],
            scores[0],
            place,
            score_min=SCORE_MIN,
            nms_iou=NMS_IOU,
            max_boxes=MAX_BOXES,
            one_class=True,
            clip=True,
        )

    return detect
