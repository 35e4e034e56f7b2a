"""training.md: the score, the classes and the command as text."""

from __future__ import annotations

from edgecv.report import figures
from edgecv.report.markdown import table
from edgecv.report.training import tables, wording
from edgecv.report.training.schema import ClassResult, TrainingReport

COLUMNS = ("class", "AP", "found", "right", "boxes in val", "boxes in train")


def render(report: TrainingReport) -> str:
    """The report's essentials as Markdown."""
    score, wrong = report.score, report.mistakes
    recall, precision = tables.overall(wrong)
    parts = [
        f"# {report.model}",
        f"mAP **{figures.ap(score.mAP)}** (95% interval {figures.interval(score.interval)}), "
        f"mAP50 {figures.ap(score.mAP50)}.",
        wording.headline(report),
        wording.judged(report),
        f"At a score of {wrong.score_min:.2f}: {figures.share(recall)} of objects found, "
        f"{figures.share(precision)} of boxes right.",
        table(COLUMNS, map(_row, tables.lowest_first(report.classes))),
        "\n".join(f"- {line}" for line in report.warnings),
        f"Command: `{report.command}`" if report.command else "",
        f"Time: {figures.duration(report.training_seconds + report.validation_seconds)} on "
        f"{wording.machine(report)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(one: ClassResult) -> list[str]:
    return [
        one.name,
        figures.ap(one.ap),
        figures.share(one.recall),
        figures.share(one.precision),
        str(one.val_boxes),
        figures.whole(one.train_boxes),
    ]
