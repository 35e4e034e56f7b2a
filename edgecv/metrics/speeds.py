"""How quick the engines of a bundle are, as it was measured on this machine.

`edgecv compress` leaves that in the bundle, for the machine it ran on. `edgecv bench` gives it to
the user, since a device does not change a bundle that was signed; there it is found by what is in
an engine's file, so that a bundle with new files has no old figures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecv.bundle import Bundle, Variant, write_atomically
from edgecv.cache import state_folder
from edgecv.metrics.latency import fingerprint
from edgecv.progress import say

# what makes two machines one
SAME = ("cpu", "architecture", "board", "cores_available")


def keep_speeds(bundle: Bundle, found: Mapping[str, Any]) -> None:
    """Keep what a bench found; where that is not possible it is told.

    Args:
        bundle: whose engines were timed.
        found: {"environment", "variants": {name: {"throughput_fps"}}}, as `bench` gives it.
    """
    rows = found["variants"]
    environment = {key: found["environment"].get(key) for key in SAME}
    for variant in bundle.manifest.variants:
        path = _kept(bundle, variant)
        if path is None or variant.name not in rows:
            continue
        fps = rows[variant.name]["throughput_fps"]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps({**environment, "throughput_fps": fps}) + "\n")
        except OSError as error:
            say(f"{path}: cannot be kept ({error.strerror}), so edgecv run will not know it")
            return


def speeds_here(bundle: Bundle) -> dict[str, float]:
    """Pictures a second of each variant that was timed on this machine, with calls in flight."""
    here = {key: value for key, value in fingerprint().items() if key in SAME}
    found = dict(_of_compress(bundle, here))
    for variant in bundle.manifest.variants:
        path = _kept(bundle, variant)
        kept = _read(path) if path is not None else {}
        fps = kept.pop("throughput_fps", None)
        if kept == here and isinstance(fps, float):
            found[variant.name] = fps
    return found


def _of_compress(bundle: Bundle, here: Mapping[str, Any]) -> dict[str, float]:
    found = bundle.metrics("bench")
    if not found or any(found["environment"].get(key) != here[key] for key in SAME):
        return {}
    return {name: row["throughput_fps"] for name, row in found["variants"].items()}


def _kept(bundle: Bundle, variant: Variant) -> Path | None:
    record = bundle.manifest.files.get(variant.file)
    if record is None:
        return None
    what = f"{variant.engine} {variant.details.get('provider')} {record.sha256}"
    name = hashlib.sha256(what.encode()).hexdigest()[:24]
    return state_folder() / "speeds" / f"{name}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
