"""The sentences and figures of the summary."""

from __future__ import annotations

from pathlib import PurePath

from edgecv.report import figures
from edgecv.report.training.schema import Part, TrainingReport
from edgecv.report.training.tables import lowest_first, overall

Tile = dict[str, str]


def headline(report: TrainingReport) -> str:
    """What was trained from what on what."""
    start = "trained from scratch" if report.start is None else f"fine-tuned from {_name(report)}"
    count = len(report.epochs)
    which = f"the best of {count} epochs is number {report.best_epoch}" if count > 1 else "1 epoch"
    return f"{report.model}, {start} on {_counted(report.train)}; {which}."


def judged(report: TrainingReport) -> str:
    """What the score stands on, and what it does not say."""
    return (
        f"Scored on {_counted(report.val)}. These pictures also chose the epoch, so the score "
        "flatters a little; pictures that chose nothing say more."
    )


def tiles(report: TrainingReport) -> list[Tile]:
    """The figures beside the score."""
    wrong, lowest = report.mistakes, lowest_first(report.classes)[0]
    recall, precision = overall(wrong)
    at = f"at a score of {wrong.score_min:.2f}, IoU {wrong.iou_min:g}"
    seconds = report.training_seconds + report.validation_seconds
    return [
        _tile("mAP50", figures.ap(report.score.mAP50), "at IoU .50 alone"),
        _tile(
            "Lowest class", figures.ap(lowest.ap), f"AP of {lowest.name}, {lowest.val_boxes} boxes"
        ),
        _tile("Objects found", figures.share(recall), at),
        _tile("Boxes that are right", figures.share(precision), at),
        _tile("Without a mistake", str(wrong.faultless), f"of {wrong.images} pictures of val"),
        _tile("Time", figures.duration(seconds), machine(report)),
    ]


def machine(report: TrainingReport) -> str:
    """What computed, in a few words."""
    where = report.environment.get("cpu") if report.device == "cpu" else report.device
    cores = report.environment.get("cores_available")
    cores = f", {cores} cores" if cores and report.device == "cpu" else ""
    processes = f"{report.processes} processes, " if report.processes > 1 else ""
    return f"{processes}{where or report.device}{cores}"


def _tile(title: str, figure: str, note: str) -> Tile:
    return {"title": title, "figure": figure, "note": note}


def _counted(part: Part) -> str:
    boxes = f", {part.boxes} boxes" if part.boxes is not None else ""
    return f"{part.name} ({part.images} pictures{boxes})"


def _name(report: TrainingReport) -> str:
    return PurePath(report.start or "").name
