"""A picture twice: with its objects, and with what the network found."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from edgecv.report.overlay import marks
from edgecv.report.training.schema import Box, WorstPicture


def sides(picture: WorstPicture, folder: Path, names: Sequence[str]) -> tuple[Markup, Markup]:
    """The picture with ground truth, and the same picture with the network's boxes.

    It is embedded once: the second drawing refers to the first. What is wrong is on top.

    Args:
        picture: with its file in `folder`.
        names: of the class ids.
    """
    size = (picture.width, picture.height)
    id_ = f"worst-{Path(picture.file).stem}"
    jpeg = base64.b64encode((folder / picture.file).read_bytes()).decode("ascii")
    image = Markup(
        '<image id="{}" width="{}" height="{}" href="data:image/jpeg;base64,{}"/>'
    ).format(id_, *size, jpeg)
    again = Markup('<use href="#{}"/>').format(id_)
    return (
        _drawing(image, picture.truth, f"{picture.name}, ground truth", size, names),
        _drawing(again, picture.found, f"{picture.name}, found", size, names),
    )


def _drawing(
    image: Markup, boxes: Sequence[Box], told: str, size: tuple[int, int], names: Sequence[str]
) -> Markup:
    boxes = sorted(boxes, key=lambda box: (box.right, -(box.score or 0)))
    texts = [_text(box, names) for box in boxes]
    xyxy = np.array([box.box_xyxy for box in boxes], np.float32).reshape(-1, 4)
    css = ["shared" if box.right else "alone" for box in boxes]
    return Markup(
        '<svg class="photo" role="img" aria-label="{}" viewBox="0 0 {} {}">{}{}</svg>'
    ).format(f"{told}: {len(boxes)} boxes", *size, image, marks(xyxy, texts, css, size[0]))


def _text(box: Box, names: Sequence[str]) -> str:
    score = "" if box.score is None else f" {box.score:.2f}"
    return f"{names[box.class_id]}{score}"


def told(picture: WorstPicture) -> str:
    """The mistakes of a picture in words."""
    counts = {
        "missed": picture.missed,
        "false": picture.false,
        "of another class": picture.confused,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
