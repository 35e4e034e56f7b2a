"""What a check found, with pictures and their boxes: one page that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import edgecv
from edgecv.boxes import clip
from edgecv.data.check import Checked, Findings
from edgecv.data.dataset import Dataset, Sample
from edgecv.data.pictures import read_picture
from edgecv.errors import DataError
from edgecv.report import overlay, rows, shell
from edgecv.report.photos import jpeg, shown_size

SHOWN = 9  # pictures of a part; three parts and the twins stay under two megabytes
PAIRS = 2  # of each kind of twins
PROBLEMS = 50


def render(checked: Checked) -> str:
    """The page as HTML; pictures that cannot be decoded are left out."""
    found = checked.findings
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    values = {
        "found": found,
        "title": Path(found.folder).resolve().name,
        "verdict": f"{found.refused} problem{'s' * (found.refused > 1)}"
        if found.refused
        else "No problems",
        "problems": _problems(found),
        "pictures": sum(part.pictures for part in found.parts),
        "boxes": sum(part.boxes for part in found.parts),
        "version": edgecv.__version__,
        # css from this package's own file: nothing of it comes from outside
        "style": Markup((shell.TEMPLATES / "style.css").read_text("utf-8")),  # noqa: S704
        **_tables(found),
        "twins": _twins(checked),
        "samples": [(name, _samples(dataset)) for name, dataset in checked.datasets.items()],
    }
    return environment.get_template("page.html.j2").render(values)


def _problems(found: Findings) -> list[str]:
    lines = [f"{part.name}: {line}" for part in found.parts for line in part.problems]
    lines = [*found.problems, *lines]
    more = [f"and {len(lines) - PROBLEMS} more"] if len(lines) > PROBLEMS else []
    return lines[:PROBLEMS] + more


def _tables(found: Findings) -> dict[str, Any]:
    parts = found.parts
    most = max([count for part in parts for count in part.class_boxes.values()], default=0) or 1
    counts = {n: [part.class_boxes.get(n, 0) for part in parts] for n in found.class_names}
    return {
        "part_rows": [
            [p.name, p.pictures, p.broken, p.empty, p.boxes, p.crowds, _sizes(p.sizes)]
            for p in parts
        ],
        "size_rows": [
            [p.name]
            + [
                f"{value / max(p.boxes, 1):.0%}"
                for value in (*p.box_sizes.values(), *p.box_sizes_at_input.values())
            ]
            for p in parts
        ],
        "class_columns": ["Class", *(part.name for part in parts), ""],
        "class_rows": [
            [name, *of, rows.bar(max(of, default=0) / most, "fp32")]
            for name, of in sorted(counts.items(), key=lambda item: -sum(item[1]))
        ],
    }


def _sizes(sizes: dict[str, int]) -> str:
    shown = [f"{size} ({count})" for size, count in list(sizes.items())[:3]]
    return ", ".join(shown) + (f" and {len(sizes) - 3} more" if len(sizes) > 3 else "")


def _samples(dataset: Dataset) -> list[dict[str, Any]]:
    """Pictures spread evenly over a part, drawn with their boxes."""
    steps = np.linspace(0, len(dataset.samples) - 1, min(SHOWN, len(dataset.samples)))
    chosen = [dataset.samples[round(float(step))] for step in steps]
    drawn = [(sample, _drawing(sample, dataset.class_names)) for sample in chosen]
    return [
        {"drawing": drawing, "caption": f"{s.path.name}, {_count(s)}"}
        for s, drawing in drawn
        if drawing
    ]


def _count(sample: Sample) -> str:
    count = len(sample.class_ids)
    return f"{count or 'no'} box{'es' * (count != 1)}"


def _twins(checked: Checked) -> list[dict[str, Any]]:
    found = []
    for twins in checked.findings.twins:
        first, second = checked.datasets[twins.part], checked.datasets[twins.other]
        for one, other, bits in twins.examples[:PAIRS]:
            pair = [_named(first, one), _named(second, other)]
            drawings = [
                _drawing(sample, dataset.class_names)
                for sample, dataset in zip(pair, (first, second), strict=True)
            ]
            if all(drawings):
                alike = f"{bits} of 64 bits differ" if bits else "the same, or almost"
                caption = f"{twins.part}/{one} and {twins.other}/{other}: {alike}"
                found.append({"first": drawings[0], "second": drawings[1], "caption": caption})
    return found


def _named(dataset: Dataset, name: str) -> Sample:
    return next(sample for sample in dataset.samples if sample.path.name == name)


def _drawing(sample: Sample, class_names: Sequence[str]) -> Markup | None:
    """A picture with its boxes as inline SVG, crowds dashed; None when it cannot be decoded."""
    try:
        image = read_picture(sample.path)
    except DataError:
        return None
    height, width = image.shape[:2]
    size = shown_size(width, height)
    finite = np.isfinite(sample.boxes_xyxy).all(axis=1)
    scale = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    boxes = clip(sample.boxes_xyxy[finite] * scale, *size)
    names = [class_names[i] for i in sample.class_ids[finite]]
    css = ["alone" if crowd else "shared" for crowd in sample.crowd[finite]]
    return Markup(
        '<svg class="photo" role="img" aria-label="{}" viewBox="0 0 {} {}">'
        '<image width="{}" height="{}" href="data:image/jpeg;base64,{}"/>{}</svg>'
    ).format(
        f"{sample.path.name}, {_count(sample)}",
        *size,
        *size,
        jpeg(image, size),
        overlay.marks(boxes, names, css, size[0]),
    )
