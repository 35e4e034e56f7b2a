"""Write the reports: how the network was trained, what was measured, and what to deploy."""

from __future__ import annotations

from typing import Any

from edgecv.bundle import Bundle
from edgecv.recipe import ReportSettings
from edgecv.report import markdown, page
from edgecv.report import training as training_
from edgecv.report.collect import collect, engine_samples
from edgecv.report.gallery import gallery
from edgecv.stages import Context


def run(bundle: Bundle, settings: ReportSettings, context: Context) -> dict[str, Any]:
    """Put what the stages before it recorded on pages; run two variants for the photos.

    training.html, .json and .md where the network was trained in this bundle; report.html, .json
    and .md, but for a bundle that was trained and not exported. A section whose stage did not run
    is absent.

    Returns:
        {"recommended": variant or None, "reason", "photos": how many are shown, "summary"}; for a
        bundle that was only trained {"summary"}.

    Raises:
        BundleError: no model in the bundle.
        DataError: a folder without pictures.
    """
    trained = training_.trained(bundle)
    if trained:
        training_.write(bundle)
    if trained and not bundle.manifest.variants:
        return {"summary": training_.PAGE}
    report = collect(bundle, context.command)
    folder = context.data or context.calibration
    comparison, note = gallery(bundle, report, settings.photos, folder)
    html = page.render(
        report,
        engine_samples(bundle),
        comparison,
        bundle.spec.class_names,
        [note] if note else [],
    )
    bundle.new_file("report.html").write_text(html, "utf-8")
    bundle.new_file("report.md").write_text(markdown.render(report), "utf-8")
    bundle.write_json("report.json", report.model_dump(mode="json", by_alias=True))
    deploy = f"deploy {report.recommended}" if report.recommended else "no recommendation"
    return {
        "recommended": report.recommended,
        "reason": report.reason,
        "photos": len(comparison.photos) if comparison else 0,
        "summary": deploy,
    }
