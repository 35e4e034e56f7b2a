"""The curves of a training: its scores, its losses and its learning rate by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edgecv.report.plot import Axis, Point, frame, marker, padded, polyline
from edgecv.report.training.schema import TrainingReport

DOTS = 40  # with more points than these the line alone tells enough
PARTS = ("total", "iou", "objectness", "classes", "l1")


def scores(report: TrainingReport) -> Markup:
    """mAP and mAP50 on val by epoch, the best marked."""
    lines = {
        name: [(float(e.epoch), value) for e in report.epochs if (value := getattr(e, name))
               is not None]
        for name in ("mAP50", "mAP")
    }  # fmt: skip
    x = _epochs(report)
    top = max(value for line in lines.values() for _, value in line)
    y = Axis("on val", 0, max(top * 1.1, 0.01), "{:g}".format)
    best = next(p for p in lines["mAP"] if p[0] == report.best_epoch)
    marks = [_plain(report, x, y), *_lines(x, y, lines), marker(x, y, best, _best(best))]
    told = f"best mAP {best[1]:.3f} after epoch {report.best_epoch} of {len(report.epochs)}"
    return frame(x, y, marks, f"mAP and mAP50 on val by epoch: {told}")


def losses(report: TrainingReport) -> Markup:
    """The mean loss of each epoch, in total and by part."""
    lines = {
        name: [(float(e.epoch), e.loss[name]) for e in report.epochs if name in e.loss]
        for name in parts(report)
    }
    x = _epochs(report)
    y = Axis("loss", 0, max(value for line in lines.values() for _, value in line) * 1.05 or 1.0)
    first, last = report.epochs[0].loss["total"], report.epochs[-1].loss["total"]
    told = f"in total {first:.2f} in the first epoch, {last:.2f} in the last"
    return frame(x, y, [_plain(report, x, y), *_lines(x, y, lines)], f"Loss by epoch: {told}")


def rates(report: TrainingReport) -> Markup:
    """The learning rate at the end of each epoch."""
    line = [(float(e.epoch), e.lr) for e in report.epochs]
    x, y = _epochs(report), padded("learning rate", [p[1] for p in line], "{:g}".format, low=0)
    return frame(x, y, _lines(x, y, {"lr": line}), "Learning rate by epoch")


def parts(report: TrainingReport) -> list[str]:
    """The parts of the loss that there were."""
    found = {name for epoch in report.epochs for name in epoch.loss}
    return [name for name in PARTS if name in found] + sorted(found.difference(PARTS))


def _epochs(report: TrainingReport) -> Axis:
    # half an epoch is none
    return Axis("epoch", 0, len(report.epochs), lambda v: f"{v:g}" if v == int(v) else "")


def _lines(x: Axis, y: Axis, lines: dict[str, list[Point]]) -> list[Markup]:
    marks = []
    dotted = max(map(len, lines.values())) <= DOTS
    for name, points in lines.items():
        marks.append(polyline(x, y, points, f"line {name}"))
        if dotted:
            dot = Markup('<circle class="dot {}" r="3"/>').format(name)
            marks += [marker(x, y, point, dot) for point in points]
    return marks


def _plain(report: TrainingReport, x: Axis, y: Axis) -> Markup:
    """A line where mosaic and mixup end; nothing where they do not."""
    at = report.plain_from
    return Markup("") if at is None else polyline(x, y, [(at, y.low), (at, y.high)], "plain")


def _best(best: Point) -> Markup:
    return Markup(
        '<circle class="chosen-ring" r="8"/>'
        '<text class="label" y="-14" text-anchor="end">{:.3f}</text>'
    ).format(best[1])


def swatches(names: Sequence[str]) -> list[tuple[str, Markup]]:
    """Each name with a piece of its line, for a legend."""
    return [
        (
            name,
            Markup(
                '<svg class="dash" viewBox="0 0 34 8" aria-hidden="true">'
                '<line class="line {}" x1="0" x2="34" y1="4" y2="4"/></svg>'
            ).format(name),
        )
        for name in names
    ]
