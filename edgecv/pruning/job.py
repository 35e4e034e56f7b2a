"""What a pruning is given, and what it remembers of its own work so that it can be stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edgecv.bundle import write_atomically
from edgecv.errors import EdgecvError, UsageError
from edgecv.metrics.layers import LayerTable
from edgecv.models.detector import Detector
from edgecv.pruning.conv_times import Engine
from edgecv.recipe import PruneSettings
from edgecv.training.learner import digest_of
from edgecv.training.splits import Parts

OF = "pruning.json"
SHOWN = 3

Remembered = dict[str, Any]


class Job(NamedTuple):
    """What is pruned on what.

    Attributes:
        settings: of the stage.
        size: side of the square input in pixels.
        parts: pictures to learn from and to score on; None where none were given.
        folder: for what is half done; a stopped pruning goes on from there.
        engine: where time is measured.
        table: layer times to start from; None: measured when needed.
    """

    settings: PruneSettings
    size: int
    parts: Parts | None
    folder: Path
    engine: Engine
    table: LayerTable | None = None

    @property
    def keep(self) -> float:
        """The share of the costs to keep at the end."""
        return self.settings.macs or self.settings.latency or 1.0


def remember(path: Path, make: Callable[[], Remembered]) -> Remembered:
    """What `make` gives, or gave before: kept as JSON.

    Raises:
        EdgecvError: what was kept cannot be read.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(make(), indent=1) + "\n")
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise EdgecvError(
            f"{path}: not the JSON that was written there ({error}), so the pruning cannot go on "
            "from it. Remove it, or begin again with --fresh"
        ) from error


def check_same(job: Job, model: Detector) -> None:
    """Refuse a folder with the half-done pruning of other settings, weights or data.

    Raises:
        UsageError: saying what differs.
    """
    now: Remembered = {
        "weights": digest_of(model),
        "input size": job.size,
        **_flat(job.settings.model_dump(mode="json"), "prune"),
    }
    if job.parts is not None:
        now |= {
            "training pictures": job.parts.train.digest,
            "validation pictures": job.parts.val.digest,
        }
    before = remember(job.folder / OF, lambda: now)
    differing = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if differing:
        more = ", ..." if len(differing) > SHOWN else ""
        raise UsageError(
            f"{job.folder}: holds an unfinished pruning with another "
            f"{', '.join(differing[:SHOWN])}{more}. Call as before to go on with it, name another "
            "folder with --out, or throw it away with --fresh"
        )


def _flat(values: Mapping[str, Any], prefix: str) -> Remembered:
    found: Remembered = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}.{name}")
        else:
            found[f"{prefix}.{name}"] = value
    return found
