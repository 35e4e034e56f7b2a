"""training.html: how a network was trained, on one page that opens without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecv.report import rows, shell
from edgecv.report import tables as report_tables
from edgecv.report.training import curves, tables, wording, worst
from edgecv.report.training.schema import TrainingReport

TEMPLATES = Path(__file__).parent / "templates"
CLASSES_SHOWN = 20  # of more, the rest is folded away
MATRIX_SHOWN = 20
CONFUSED_SHOWN = 12


def render(report: TrainingReport, pictures: Path) -> str:
    """The page as HTML.

    Args:
        report: what training.json holds.
        pictures: folder of the worst pictures.
    """
    names = report.mistakes.class_names
    drawings = [
        (picture, worst.told(picture), *worst.sides(picture, pictures, names))
        for picture in report.mistakes.worst
    ]
    matrix = tables.matrix(report.mistakes)
    values: dict[str, Any] = {
        "report": report,
        "mistakes": report.mistakes,
        "headline": wording.headline(report),
        "judged": wording.judged(report),
        "tiles": wording.tiles(report),
        "scores": curves.scores(report),
        "losses": curves.losses(report),
        "rates": curves.rates(report),
        "score_lines": curves.swatches(["mAP", "mAP50"]),
        "loss_lines": curves.swatches(curves.parts(report)),
        "classes": tables.lowest_first(report.classes),
        "classes_shown": CLASSES_SHOWN,
        "matrix": matrix,
        "folded": len(matrix.names) > MATRIX_SHOWN,
        "confused": tables.most_confused(report.mistakes, CONFUSED_SHOWN),
        "drawings": drawings,
        "environment": report_tables.flat(report.environment),
        "bar_row": rows.bar,
    }
    values["contents"] = _contents(report, drawings)
    return shell.fill("training.html.j2", values, TEMPLATES)


def _contents(report: TrainingReport, drawings: list[Any]) -> list[tuple[str, str]]:
    sections = (
        ("curves", "Curves", True),
        ("classes", "Classes", True),
        ("confusion", "Confusion", True),
        ("worst", "Worst pictures", drawings),
        ("data", "Data", True),
        ("settings", "Settings", True),
        ("made", "How it was made", True),
    )
    return [(id_, title) for id_, title, there in sections if there]
