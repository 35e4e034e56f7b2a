"""edgecv track: run a tracker on recorded detections and score its tracks."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from edgecv.cli._score_table import score_table
from edgecv.data.mot import find_sequences, read_sequence
from edgecv.data.mot_rows import write_rows
from edgecv.errors import UsageError
from edgecv.metrics.tracking import TrackScore, combine
from edgecv.progress import bar, say
from edgecv.trackers import DEFAULT, TRACKERS
from edgecv.trackers.replay import PROTOCOLS, WHOLE, score_sequence, track_sequence


@click.command(name="track")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--tracker", type=click.Choice(list(TRACKERS)), default=DEFAULT, show_default=True)
@click.option(
    "--protocol",
    type=click.Choice(list(PROTOCOLS)),
    help="Frames and tracks that count in a benchmark; without it all of them.",
)
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    help="Detections of one frame of N; the tracker fills in, as under edgecv run --fps.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write each sequence's NAME.txt here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    folder: Path, tracker: str, protocol: str | None, every: int, out: Path | None, as_json: bool
) -> None:
    """Track the detections of DIR: a MOTChallenge sequence, or a folder of them.

    With ground truth, HOTA, DetA, AssA, MOTA, IDF1 (percent) and identity switches are printed.
    """
    rules = PROTOCOLS[protocol] if protocol else WHOLE
    found = find_sequences(folder)
    # all are read first: a mistake in the last one costs no work on the others
    sequences = [rules.part(read_sequence(path)) for path in found]
    if out is None and all(sequence.truth is None for sequence in sequences):
        raise UsageError(f"{folder}: no gt.txt to score against. Write the tracks: --out DIR")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    scores: dict[str, TrackScore] = {}
    with bar(f"track with {tracker}", len(sequences)) as advance:
        for sequence in sequences:
            tracks = track_sequence(sequence, tracker, rules, every)
            if out is not None:
                write_rows(out / f"{sequence.name}.txt", tracks)
            score = score_sequence(sequence, tracks)
            if score is not None:
                scores[sequence.name] = score
            advance()
    for sequence in sequences:
        for note in sequence.notes:
            say(note)
        if sequence.truth is None:
            say(f"{sequence.name} is not scored: it has no gt.txt")
    if as_json:
        click.echo(json.dumps(_report(tracker, protocol, scores), indent=1))
    elif scores:
        _print(tracker, scores)


def _report(tracker: str, protocol: str | None, scores: dict[str, TrackScore]) -> dict[str, object]:
    return {
        "tracker": tracker,
        "protocol": protocol,
        "combined": combine(list(scores.values())).percentages() if scores else None,
        "sequences": {name: score.percentages() for name, score in scores.items()},
    }


def _print(tracker: str, scores: dict[str, TrackScore]) -> None:
    rows = {name: score.percentages() for name, score in scores.items()}
    rows["combined"] = combine(list(scores.values())).percentages()
    Console(width=80).print(score_table(tracker, rows))
