"""The report of a training: training.html, training.json and training.md."""

from __future__ import annotations

from edgecv.bundle import Bundle
from edgecv.report.training import page, text
from edgecv.report.training.collect import PAGE, WORST, collect, trained

__all__ = ["PAGE", "trained", "write"]


def write(bundle: Bundle) -> None:
    """Write all three files of a bundle that was trained.

    Raises:
        BundleError: what its training left is not there.
    """
    report = collect(bundle)
    bundle.new_file(PAGE).write_text(page.render(report, bundle.path(WORST)), "utf-8")
    bundle.new_file("training.md").write_text(text.render(report), "utf-8")
    bundle.write_json("training.json", report.model_dump(mode="json"))
