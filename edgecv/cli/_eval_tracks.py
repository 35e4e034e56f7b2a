"""The score of tracks on videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
from rich.console import Console

from edgecv.bundle import Bundle, Variant
from edgecv.cli._run_engine import opened_engine, pick_variant, requests_here
from edgecv.cli._run_parts import TRACKED_MIN
from edgecv.cli._score_table import score_table
from edgecv.metrics.tracking import TrackScore, combine
from edgecv.progress import bar
from edgecv.runtime.loop import LoopSettings
from edgecv.runtime.scored_videos import find_videos, people_of, track_video


def evaluate(
    bundle: Bundle, data: Path, tracker: str, engine: str | None, precision: str | None
) -> dict[str, Any]:
    """The score of one variant with a tracker, ready for JSON.

    Returns:
        {"variant", "tracker", "class", "data", "combined": {"HOTA", "DetA", "AssA", "MOTA",
        "IDF1", "IDSW"}, "sequences": {name: the same}}, percentages.

    Raises:
        BundleError, DataError, EngineError: of its parts.
    """
    people = people_of(bundle.spec.class_names)
    variant = _variant(bundle, engine, precision)
    videos = find_videos(data)
    cv2.setNumThreads(1)
    settings = LoopSettings(tracker=tracker, score_min=TRACKED_MIN, requests=requests_here())
    scores: dict[str, TrackScore] = {}
    with opened_engine(bundle, variant, settings.requests) as opened:
        with bar(f"tracking with {variant.name}", len(videos)) as advance:
            for video in videos:
                scores[video.file.name] = track_video(video, opened.get(), settings)
                advance()
    return {
        "variant": variant.name,
        "tracker": tracker,
        "class": bundle.spec.class_names[people],
        "data": str(data),
        "combined": combine(list(scores.values())).percentages(),
        "sequences": {name: score.percentages() for name, score in scores.items()},
    }


def _variant(bundle: Bundle, engine: str | None, precision: str | None) -> Variant:
    if engine is None:
        engine = pick_variant(bundle, None).engine
    return bundle.variant(engine, precision)


def show(found: dict[str, Any]) -> None:
    """Print a line a video, and all combined."""
    title = f"{found['variant']}, {found['tracker']}, class {found['class']}"
    rows = {**found["sequences"], "combined": found["combined"]}
    Console(width=80, markup=False).print(score_table(title, rows))
