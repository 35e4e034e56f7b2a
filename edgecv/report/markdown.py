"""report.md: the verdict and the tables as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgecv.report import figures, tables
from edgecv.report.schema import Report, VariantReport

COLUMNS = (
    "variant",
    "mAP",
    "95% interval",
    "change",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "fps",
    "RSS MB",
    "size MB",
    "boxes kept",
)


def render(report: Report) -> str:
    """The report's essentials as Markdown."""
    verdict = f"Deploy **{report.recommended}**" if report.recommended else "No recommendation"
    parts = [
        f"# {report.model}",
        f"{verdict}. {report.reason}",
        "\n".join(f"- {t.target}: `{t.file}`, {t.advice}" for t in report.targets),
        table(COLUMNS, map(_row, report.variants)) if report.variants else "",
        _power(report),
        _pruned(report),
        _distilled(report),
        _budget(report),
        _kept(report),
        f"Command: `{report.command}`" if report.command else "",
        f"Machine: {report.environment['cpu']}" if report.environment.get("cpu") else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(v: VariantReport) -> list[str]:
    accuracy, latency = v.accuracy, v.latency_ms
    return [
        v.name,
        figures.ap(accuracy.mAP if accuracy else None),
        figures.interval(accuracy.interval if accuracy else None),
        figures.signed(-v.drop.mAP if v.drop else None),
        *(figures.ms(getattr(latency, key) if latency else None) for key in ("p50", "p90", "p99")),
        figures.decibel(v.throughput_fps),
        figures.whole(v.peak_rss_mb),
        figures.megabytes(v.size_bytes),
        figures.share(v.parity.matched if v.parity else None),
    ]


def _power(report: Report) -> str:
    told = [
        f"{v.name} {figures.ms(v.power_w)} W, {figures.ms(v.mj_per_frame)} mJ a picture"
        for v in report.variants
        if v.power_w is not None
    ]
    of = f" ({report.device.power_of})" if report.device and report.device.power_of else ""
    lines = [f"Power{of}: {'; '.join(told)}." if told else "", tables.throttled(report) or ""]
    return "\n\n".join(line for line in lines if line)


def _pruned(report: Report) -> str:
    found = report.pruning
    if found is None:
        return ""
    of = f" of {found.engine}" if found.engine else ""
    return (
        f"Pruned to {figures.share(found.share)} of the {found.unit}{of} "
        f"({found.before.macs / 1e6:.0f} to {found.after.macs / 1e6:.0f} M MACs, "
        f"{found.before.parameters / 1e6:.2f} to {found.after.parameters / 1e6:.2f} M parameters): "
        f"mAP on val {figures.ap(found.before.mAP)} to {figures.ap(found.after.mAP)}."
    )


def _distilled(report: Report) -> str:
    found = report.distillation
    if found is None:
        return ""
    rows = (
        [
            f"{role}: {side.name}",
            figures.ap(side.mAP),
            figures.interval(side.interval),
            f"{side.macs / 1e6:.0f}",
            f"{side.parameters / 1e6:.2f}",
        ]
        for role, side in (("teacher", found.teacher), ("student", found.student))
    )
    columns = ("network", "mAP on val", "95% interval", "M MACs", "M parameters")
    return f"Learned from {', '.join(found.learned)}:\n\n" + table(columns, rows)


def _budget(report: Report) -> str:
    budget = report.quantization.budget if report.quantization else None
    if budget is None or budget.metric is None:
        return ""
    return (
        f"Accuracy budget {'met' if budget.met else 'missed'}: {budget.metric} "
        f"{figures.ap(budget.float_value)} in float, {figures.ap(budget.int8_value)} in INT8, "
        f"may lose {budget.max_drop:g}."
    )


def _kept(report: Report) -> str:
    if not report.kept_float:
        return ""
    rows = (
        [
            f"`{layer.node}`",
            figures.share(layer.macs_share),
            figures.decibel(layer.sqnr_db),
            layer.reason or figures.MISSING,
        ]
        for layer in report.kept_float
    )
    columns = ("layer", "share of MACs", "alone, dB", "why")
    return "Layers kept in float:\n\n" + table(columns, rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    # a bar inside a cell would end it
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )
