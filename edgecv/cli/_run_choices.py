"""What a call of `edgecv run` means for a bundle, decided before a camera or engine is opened."""

from __future__ import annotations

from dataclasses import dataclass

from edgecv.bundle import Bundle, Variant
from edgecv.cli._run_engine import pick_variant
from edgecv.cli._run_governing import target_of
from edgecv.cli._run_parts import Asked, settings_of
from edgecv.runtime.governor import Target
from edgecv.runtime.loop import LoopSettings


@dataclass(frozen=True)
class Choices:
    """How to run, what to hold, and with which engine."""

    settings: LoopSettings
    target: Target | None
    variant: Variant


def choices_of(bundle: Bundle, asked: Asked) -> Choices:
    """Those of the options.

    Raises:
        UsageError: options that do not exist for this bundle, or do not go together.
        BundleError: no such engine, or none that runs here.
    """
    settings = settings_of(bundle, asked)
    target = target_of(asked.fps, asked.p99, settings.tracker)
    return Choices(settings, target, pick_variant(bundle, asked.engine))
