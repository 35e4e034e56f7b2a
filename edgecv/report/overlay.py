"""A photo and its boxes as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edgecv.report.photos import Mask, Photo
from edgecv.types import Array, Detections

FONT = 11  # pixels of the picture, as style.css has it
CHARACTER = 6.2  # width that a label gives to each

Area = tuple[float, float, float, float]  # left, top, width, height


def pair(photo: Photo, number: int, class_names: Sequence[str]) -> tuple[Markup, Markup]:
    """The picture with float's boxes, and the same picture with INT8's.

    The picture is embedded once: the second drawing refers to the first.
    """
    picture = Markup(
        '<image id="photo-{}" width="{}" height="{}" href="data:image/jpeg;base64,{}"/>'
    ).format(number, photo.width, photo.height, photo.jpeg)
    again = Markup('<use href="#photo-{}"/>').format(number)
    before = _boxes(photo.before, photo.lost, class_names, photo.width)
    after = _boxes(photo.after, photo.new, class_names, photo.width)
    return (
        _drawing(
            photo, picture, before, f"{photo.name}, float: {_told(photo.before, class_names)}"
        ),
        _drawing(photo, again, after, f"{photo.name}, INT8: {_told(photo.after, class_names)}"),
    )


def _drawing(photo: Photo, picture: Markup, boxes: Markup, alt: str) -> Markup:
    return Markup(
        '<svg class="photo" role="img" aria-label="{}" viewBox="0 0 {} {}">{}{}</svg>'
    ).format(alt, photo.width, photo.height, picture, boxes)


def marks(boxes_xyxy: Array, texts: Sequence[str], css: Sequence[str], width: int) -> Markup:
    """Boxes with labels, those first in the list on top; a label that would touch another is left.

    Args:
        boxes_xyxy: (N, 4), pixels of the shown picture.
        texts: N labels.
        css: N classes, shared or alone.
        width: of the shown picture, pixels.
    """
    rects, labels, taken = [], [], list[Area]()
    for box, text, kind in zip(boxes_xyxy.tolist(), texts, css, strict=True):
        x, y, right, bottom = (round(v, 1) for v in box)
        # a network may answer with no area or less, which SVG refuses
        size = {"w": max(0.0, right - x), "h": max(0.0, bottom - y)}
        rects.append(
            Markup(
                '<g class="{css}"><title>{text}</title>'
                '<rect class="halo" x="{x}" y="{y}" width="{w:.1f}" height="{h:.1f}"/>'
                '<rect class="box" x="{x}" y="{y}" width="{w:.1f}" height="{h:.1f}"/></g>'
            ).format(css=kind, text=text, x=x, y=y, **size)
        )
        area = _label_area(text, x, y, width)
        if not any(_touch(area, other) for other in taken):
            taken.append(area)
            labels.append(_label(text, kind, area))
    return Markup("").join([*reversed(rects), *labels])


def _boxes(found: Detections, alone: Mask, names: Sequence[str], width: int) -> Markup:
    # those that only one side found come first, for where labels would touch the first stays
    order = sorted(range(len(found)), key=lambda i: (not alone[i], -float(found.scores[i])))
    texts = [f"{names[found.class_ids[i]]} {found.scores[i]:.2f}" for i in order]
    css = ["alone" if alone[i] else "shared" for i in order]
    return marks(found.boxes_xyxy[order], texts, css, width)


def _label_area(text: str, x: float, y: float, width: int) -> Area:
    wide = len(text) * CHARACTER + 6
    top = y - FONT - 4 if y > FONT + 4 else y
    return max(0.0, min(x, width - wide)), top, wide, FONT + 4.0


def _touch(one: Area, other: Area) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


def _label(text: str, css: str, area: Area) -> Markup:
    left, top, wide, high = area
    # the reader's font is unknown: textLength makes any fit its box
    return Markup(
        '<g class="{} tag"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
        '<text x="{:.1f}" y="{:.1f}" textLength="{:.1f}" lengthAdjust="spacingAndGlyphs">{}</text>'
        "</g>"
    ).format(css, left, top, wide, high, left + 3, top + FONT, wide - 6, text)


def _told(found: Detections, names: Sequence[str]) -> str:
    counts: dict[str, int] = {}
    for class_id in found.class_ids:
        name = names[class_id]
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no boxes"
