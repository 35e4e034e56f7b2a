"""What `edgecv run` does with tracks beside writing them: count, and score where truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecv.errors import UsageError
from edgecv.runtime.counting import Counting
from edgecv.runtime.loop import Watcher
from edgecv.runtime.own_truth import OwnTruth
from edgecv.runtime.sources import Source
from edgecv.runtime.zones import read_zones


@dataclass(frozen=True)
class Watching:
    """Those who see every track."""

    counting: Counting | None
    own_truth: OwnTruth

    @property
    def watchers(self) -> list[Watcher]:
        counted = [] if self.counting is None else [self.counting.see]
        return [*counted, self.own_truth.see]

    def to_json(self, stream: str) -> dict[str, Any]:
        """{"counts" with zones, "score" with ground truth}."""
        told: dict[str, Any] = {}
        if self.counting is not None:
            told["counts"] = self.counting.of(stream).to_json()
        score = self.own_truth.to_json(stream)
        return told if score is None else {**told, "score": score}


def watching_of(
    zones: Path | None, tracker: str | None, sources: Sequence[Source], class_names: Sequence[str]
) -> Watching:
    """Those that were asked for, and what the sources allow.

    Raises:
        UsageError: the file of zones is wrong, or there are no tracks to count.
    """
    streams = [source.name for source in sources]
    names = {one.name: getattr(one, "truth_names", ()) for one in sources}
    truth = {stream: theirs for stream, theirs in names.items() if theirs}
    counting = counting_of(zones, tracker, streams, class_names)
    return Watching(counting, OwnTruth(class_names, truth))


def counting_of(
    zones: Path | None, tracker: str | None, streams: Sequence[str], class_names: Sequence[str]
) -> Counting | None:
    """Who counts at the zones of a file; None: there is none.

    Raises:
        UsageError: the file of zones is wrong, or there are no tracks to count.
    """
    if zones is None:
        return None
    if tracker is None:
        raise UsageError("--zones counts objects that a tracker follows; drop --tracker none")
    return Counting(read_zones(zones, class_names, streams), class_names, streams)
