"""edgecv run: a bundle and a camera in, tracked objects out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import cv2

from edgecv.cli._run_addresses import expanded, sources_of
from edgecv.cli._run_choices import choices_of
from edgecv.cli._run_engine import opened_engine
from edgecv.cli._run_governing import Milliseconds, governing_of
from edgecv.cli._run_parts import Asked, Finite, stopped_by_signals
from edgecv.cli._run_progress import told_how_far
from edgecv.cli._run_services import listening
from edgecv.cli._run_sinks import Outputs, check_outputs, mqtt_of, sinks_of
from edgecv.cli._run_summary import add_watched, print_summary, summary
from edgecv.cli._run_watching import watching_of
from edgecv.errors import EdgecvError
from edgecv.runtime.clock import now
from edgecv.runtime.heartbeat import Heartbeat
from edgecv.runtime.loop import Loop
from edgecv.runtime.power import PowerMeter
from edgecv.runtime.running import Running
from edgecv.runtime.sources import Capture, Source
from edgecv.runtime.summary import engine_alone
from edgecv.runtime.turns import Turns
from edgecv.shipping.trust import open_bundle
from edgecv.trackers import DEFAULT, TRACKERS, make_tracker

PATH = click.Path(path_type=Path)


@click.command(name="run")
@click.argument("bundle", type=PATH)
@click.option(
    "--source",
    "sources",
    required=True,
    multiple=True,
    help="Video, glob in quotes, folder of pictures, camera's number, v4l2://, csi://, rtsp://, "
    "'gst:PIPELINE' or conveyor://; ${NAME} in it stands for a variable of the environment. "
    "Repeat it for several at once.",
)
@click.option("--engine", help="An engine or variant of the bundle. Default: the best that runs.")
@click.option(
    "--tracker", type=click.Choice([*TRACKERS, "none"]), default=DEFAULT, show_default=True
)
@click.option(
    "--policy",
    help="latest: the newest frame wins; every: none is dropped; budget=500ms: those older are. "
    "Default: latest for cameras, every for files.",
)
@click.option(
    "--fps",
    type=Finite(0, min_open=True),
    help="Hold so many results a second of each source, by a quicker engine of the bundle and by "
    "leaving frames to the tracker.",
)
@click.option("--p99", type=Milliseconds(), help="Hold this age of results, such as 40ms.")
@click.option("--save", type=PATH, help="Write the video with its boxes here (H.264 MP4).")
@click.option("--jsonl", type=PATH, help="Write a line of JSON a frame here; - for stdout.")
@click.option("--mot", type=PATH, help="Write tracks as the MOTChallenge has them here.")
@click.option("--crops", type=PATH, help="Write each object's best view into this folder.")
@click.option("--show", is_flag=True, help="Show a window; q ends.")
@click.option("--serve", help="Show a live page at HOST:PORT; other hosts need EDGECV_TOKEN.")
@click.option("--metrics", help="Answer Prometheus at HOST:PORT.")
@click.option(
    "--mqtt",
    help="Send results to mqtt://USER:PASSWORD@HOST/TOPIC; mqtts:// for TLS; ${NAME} as above.",
)
@click.option("--zones", type=PATH, help="Count at the lines and zones of this JSON file.")
@click.option("--classes", help="Only these, by name: person,car.")
@click.option(
    "--conf",
    type=Finite(0, 1),
    help="Score that makes an object: of every box, or with a tracker of the one that starts "
    "its track. Default: 0.25; with a tracker its own, 0.5 to 0.7.",
)
@click.option("--every", type=click.IntRange(1), default=1, help="Process one frame of N.")
@click.option("--max-frames", type=click.IntRange(1), help="End each source after N frames.")
@click.option("--duration", type=Finite(0, min_open=True), help="End after S seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    bundle: Path,
    sources: tuple[str, ...],
    save: Path | None,
    jsonl: Path | None,
    mot: Path | None,
    crops: Path | None,
    show: bool,
    serve: str | None,
    metrics: str | None,
    mqtt: str | None,
    zones: Path | None,
    duration: float | None,
    as_json: bool,
    **asked: object,
) -> None:
    """Detect and track the objects of videos or cameras with BUNDLE.

    Ctrl-C ends it: files are finished, and the summary is printed.
    """
    outputs = Outputs(save, jsonl, mot, crops, show)
    opened = open_bundle(bundle)
    chosen = choices_of(opened, Asked(**asked))  # type: ignore[arg-type]
    settings, variant = chosen.settings, chosen.variant
    cv2.setNumThreads(1)  # the cores are the engine's; pictures this small gain nothing from more
    found = sources_of(sources)
    broker_url = None if mqtt is None else expanded("--mqtt", mqtt)
    check_outputs(outputs, found, as_json)
    names, classes = [source.name for source in found], opened.spec.class_names
    watching = watching_of(zones, settings.tracker, found, classes)
    with (
        stopped_by_signals() as stop,
        listening(serve, metrics, classes) as services,
        opened_engine(opened, variant, settings.requests) as engine,
    ):
        if settings.tracker is not None:
            make_tracker(settings.tracker)  # its imports take as long as the engine's opening
        captures = [_opened(source) for source in found]
        broker = mqtt_of(broker_url, classes)
        sinks = sinks_of(outputs, names, classes, stop.set)
        sinks += [*([] if broker is None else [broker]), *services.sinks]
        turns = Turns(names)
        loop = Loop(captures, engine.get(), sinks, settings, watching.watchers, turns.detects)
        running = (engine.get(), turns, loop.stats, settings.requests)
        governing = governing_of(chosen.target, opened, variant, *running)
        told_of = (variant.name, settings.tracker, settings.requests, loop.stats)
        meter, heartbeat, begun = PowerMeter(), Heartbeat(), now()
        services.start(Running(*told_of, watching.counting, broker, meter, governing))

        def tick() -> None:
            look()
            heartbeat.beat(loop.stats)
            if governing is not None:
                governing.look()
            if stop.is_set() or (duration is not None and now() - begun >= duration):
                heartbeat.stop()
                loop.stop()

        most = settings.reading.max_frames
        with told_how_far(captures, most, loop.stats, outputs.on_stdout) as look, meter:
            loop.run(tick)
            power = meter.to_json(loop.stats.processed)
        if governing is not None:
            governing.finish()
        alone = engine_alone(engine.get(), settings.requests) if loop.stats.processed else None
    live = any(source.live for source in found)
    told = summary(opened, variant, settings, loop.stats, alone, power, live)
    add_watched(told, watching, broker, governing)
    if as_json:
        click.echo(json.dumps(told, indent=1))
    else:
        print_summary(told, sys.stderr if outputs.on_stdout else sys.stdout)
    _end(told, stop.is_set())


def _opened(source: Source) -> tuple[Source, Capture | None]:
    # what cannot be opened is a mistake, but for cameras far away, which may come later
    return source, None if source.remote else source.open()


def _end(told: dict[str, Any], stopped: bool) -> None:
    if told["problems"]:
        count = f"{len(told['problems'])} problems" if len(told["problems"]) > 1 else "a problem"
        raise EdgecvError(f"ended with {count}, said above; the rest was done")
    if not stopped and not told["frames_in"]:
        reasons = "; ".join(str(one["away"]) for one in told["streams"].values())
        raise EdgecvError(f"no frame came: {reasons}")
