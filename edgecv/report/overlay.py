"""A photo and its boxes as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edgecv.report.photos import Mask, Photo
from edgecv.types import Detections

FONT = 13  # pixels of the picture
CHARACTER = 7.0  # mean width of one in the page's font at that size


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


def _boxes(found: Detections, alone: Mask, names: Sequence[str], width: int) -> Markup:
    order = sorted(range(len(found)), key=lambda i: (bool(alone[i]), float(found.scores[i])))
    rects, labels = Markup(""), Markup("")
    for i in order:
        css = "alone" if alone[i] else "shared"
        x, y, right, bottom = (round(float(v), 1) for v in found.boxes_xyxy[i])
        text = f"{names[found.class_ids[i]]} {found.scores[i]:.2f}"
        rects += Markup(
            '<g class="{css}"><title>{text}</title>'
            '<rect class="halo" x="{x}" y="{y}" width="{w:.1f}" height="{h:.1f}"/>'
            '<rect class="box" x="{x}" y="{y}" width="{w:.1f}" height="{h:.1f}"/></g>'
        ).format(css=css, text=text, x=x, y=y, w=right - x, h=bottom - y)
        # a crowd of small boxes would vanish under its labels
        if alone[i] or right - x > width / 12:
            labels += _label(text, css, x, y, width)
    return rects + labels


def _label(text: str, css: str, x: float, y: float, width: int) -> Markup:
    wide = len(text) * CHARACTER + 6
    left = max(0.0, min(x, width - wide))
    top = y - FONT - 4 if y > FONT + 4 else y
    return Markup(
        '<g class="{} tag"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text></g>'
    ).format(css, left, top, wide, FONT + 4, left + 3, top + FONT, text)


def _told(found: Detections, names: Sequence[str]) -> str:
    counts: dict[str, int] = {}
    for class_id in found.class_ids:
        name = names[class_id]
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no boxes"
