"""The point of a sweep to ship: the fastest that keeps its mAP, and its bundle."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgecv.bundle import MANIFEST, Bundle
from edgecv.errors import BundleError, EdgecvError, UsageError
from edgecv.sweep.folder import RECORD, folder_of, read_sweep
from edgecv.sweep.schema import Sweep, SweepPoint, SweepVariant

Choice = tuple[SweepVariant, SweepPoint]


def open_sweep(folder: Path) -> Sweep:
    """The record of a sweep that has something to choose from.

    Raises:
        UsageError: there is no sweep, or nothing in it was measured yet.
    """
    sweep = read_sweep(folder)
    if sweep is None:
        raise UsageError(f"{folder}: no {RECORD} here. Make one: edgecv sweep --out {folder}")
    if not sweep.points:
        raise UsageError(
            f"{folder}: nothing of this sweep was measured yet. Call edgecv sweep as before: it "
            "goes on"
        )
    return sweep


def choose(sweep: Sweep, max_drop: float, p90_ms: float | None) -> Choice:
    """The fastest point that loses at most `max_drop` mAP and takes at most `p90_ms`.

    Args:
        sweep: with at least one point.
        max_drop: of mAP, absolute.
        p90_ms: None: however long it takes.

    Raises:
        EdgecvError: none does both; it names the nearest on each side.
    """
    limit = float("inf") if p90_ms is None else p90_ms
    accurate = [pair for pair in sweep.points if pair[1].drop <= max_drop]
    fast = [pair for pair in sweep.points if pair[1].p90_ms <= limit]
    for pair in accurate:  # the fastest first
        if pair[1].p90_ms <= limit:
            return pair
    asked = f"loses at most {max_drop:g} mAP"
    asked += f" within {limit:g} ms at p90" if p90_ms is not None else ""
    nearest = []
    if accurate:
        nearest.append(f"the fastest that keeps its mAP is {told(accurate[0])}")
    if fast:
        best = min(fast, key=lambda pair: pair[1].drop)
        quick = "fast enough" if p90_ms is not None else "of all"
        nearest.append(f"the most accurate {quick} is {told(best)}")
    if not nearest:
        nearest.append(f"the fastest of all is {told(sweep.points[0])}")
    raise EdgecvError(f"no point of the sweep {asked}: {'; '.join(nearest)}")


def told(choice: Choice) -> str:
    """A point in words."""
    variant, point = choice
    settings = " ".join(f"{key}={value}" for key, value in variant.settings.items())
    side = "above" if point.drop < 0 else "below"
    return (
        f"{point.file} of {settings or 'the recipe'} ({point.p90_ms:.1f} ms at p90, mAP "
        f"{point.mAP:.4f}, {abs(point.drop):.4f} {side} its reference)"
    )


def take(folder: Path, choice: Choice, out: Path) -> Bundle:
    """Copy the bundle of a point, whole or not at all.

    Args:
        folder: of the sweep.
        choice: which.
        out: where to; it is not there yet, or empty.

    Raises:
        UsageError: there is something at `out`.
        BundleError: the bundle is not as it was made.
    """
    bundle = Bundle.open(folder_of(folder, choice[0].name))
    changed = bundle.verify()
    if changed:
        raise BundleError(
            f"{bundle.folder}: {', '.join(changed)} changed since it was made. Make the sweep again"
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UsageError(f"{out}: is there already. Name another folder with --out, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        for name in (*bundle.manifest.files, MANIFEST):
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.path(name), target)
        os.replace(staging, out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return Bundle.open(out)
