"""The state of a run in the text format of Prometheus, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import edgecv
from edgecv.runtime.clock import Times
from edgecv.runtime.governing import Governing
from edgecv.runtime.listening import Handler
from edgecv.runtime.power import PowerMeter
from edgecv.runtime.running import Running

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# seconds; from an engine's own time to a camera that is hopelessly behind
AGE_EDGES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
QUANTILES = (0.5, 0.9, 0.99)


class Sample(NamedTuple):
    """One value.

    Attributes:
        labels: by name.
        value: a number.
        suffix: what its name has beyond that of its family.
    """

    labels: Mapping[str, str]
    value: float
    suffix: str = ""


class MetricsHandler(Handler):
    """Answers /metrics with `exposition` of the server's `told`, a Running."""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] not in ("/metrics", "/"):
            self.answer(404, "text/plain", b"there is /metrics\n")
            return
        running: Running = self.server.told  # type: ignore[attr-defined]
        self.answer(200, CONTENT_TYPE, exposition(running).encode())

    do_HEAD = do_GET


def exposition(running: Running) -> str:
    """All families of a run, as text."""
    return "".join(
        _family(name, kind, text, samples) for name, kind, text, samples in _families(running)
    )


_Family = tuple[str, str, str, Iterable[Sample]]


def _families(running: Running) -> Iterator[_Family]:
    labels = {"version": edgecv.__version__, "variant": running.variant}
    labels["tracker"] = running.tracker or "none"
    yield "edgecv_info", "gauge", "What runs.", [Sample(labels, 1)]
    yield from _of_streams(running)
    yield from _of_stages(running)
    memory = running.stats.memory.now * 1e6
    text = "Resident memory of the process."
    yield "process_resident_memory_bytes", "gauge", text, [Sample({}, memory)]
    if running.governing is not None:
        yield from _of_governing(running.governing)
    if running.power is not None:
        yield from _of_power(running.power)
    if running.counting is not None:
        yield from _of_zones(running)
    if running.mqtt is not None:
        yield from _of_mqtt(running.mqtt.to_json())


def _of_streams(running: Running) -> Iterator[_Family]:
    streams = running.stats.streams
    for name, text, attribute in (
        ("frames_in", "Frames that the source gave.", "frames_in"),
        ("frames_processed", "Frames with a result.", "processed"),
        ("frames_predicted", "Frames with a result that no detector looked at.", "predicted"),
        ("tracks", "Objects that got an id.", "tracks"),
        ("stream_breaks", "Times that the stream broke and came back.", "breaks"),
    ):
        samples = [
            Sample({"stream": stream}, getattr(one, attribute)) for stream, one in streams.items()
        ]
        yield f"edgecv_{name}_total", "counter", text, samples
    dropped = [
        Sample({"stream": stream, "cause": cause}, count)
        for stream, one in streams.items()
        for cause, count in dict(one.dropped).items()
    ]
    yield "edgecv_frames_dropped_total", "counter", "Frames without a result.", dropped
    broken = [Sample({"stream": name}, one.broken) for name, one in streams.items()]
    yield "edgecv_stream_broken", "gauge", "1 while the stream is gone.", broken
    ages = [
        sample for name, one in streams.items() for sample in _histogram({"stream": name}, one.age)
    ]
    yield "edgecv_frame_age_seconds", "histogram", "From capture to result.", ages


def _histogram(labels: Mapping[str, str], times: Times) -> Iterator[Sample]:
    times = times.copy()  # all of its samples are of one moment
    counts = times.up_to([1e3 * edge for edge in AGE_EDGES_S])
    for edge, count in zip([*map(str, AGE_EDGES_S), "+Inf"], counts, strict=True):
        yield Sample({**labels, "le": edge}, count, "_bucket")
    yield Sample(labels, times.total_ms / 1e3, "_sum")
    yield Sample(labels, counts[-1], "_count")


def _of_stages(running: Running) -> Iterator[_Family]:
    walls: list[Sample] = []
    cpus: list[Sample] = []
    for stage, times in running.stats.stages.items():
        labels, told = {"stage": stage}, times.wall.to_json() or {}
        for quantile in QUANTILES:
            if told:
                value = told[f"p{100 * quantile:.0f}"] / 1e3
                walls.append(Sample({**labels, "quantile": str(quantile)}, value))
        walls.append(Sample(labels, times.wall.total_ms / 1e3, "_sum"))
        walls.append(Sample(labels, times.wall.count, "_count"))
        cpus.append(Sample(labels, times.cpu.total_ms / 1e3))
    text = "Time of a frame in a stage since the run began, waiting within it included."
    yield "edgecv_stage_seconds", "summary", text, walls
    yield "edgecv_stage_cpu_seconds_total", "counter", "CPU time of a stage's own thread.", cpus


def _of_zones(running: Running) -> Iterator[_Family]:
    crossings: list[Sample] = []
    inside: list[Sample] = []
    for stream in running.stats.streams:
        for one in running.counting.of(stream).counts if running.counting else ():
            for way, counts in (("in", one.entered), ("out", one.left)):
                for name, count in counts.items():
                    labels = {"stream": stream, "name": one.name, "class": name}
                    crossings.append(Sample({**labels, "direction": way}, count))
            for name, count in (one.inside or {}).items():
                labels = {"stream": stream, "name": one.name, "class": name}
                inside.append(Sample(labels, count))
    yield "edgecv_crossings_total", "counter", "Objects over a line or border.", crossings
    yield "edgecv_zone_objects", "gauge", "Objects in a zone now.", inside


def _of_governing(governing: Governing) -> Iterator[_Family]:
    gear, switches = governing.gear, [Sample({}, governing.switches)]
    stride = [Sample({"variant": gear.variant}, gear.stride)]
    yield "edgecv_stride", "gauge", "One of so many frames is detected.", stride
    yield "edgecv_governor_switches_total", "counter", "Changes of stride or engine.", switches


def _of_power(power: PowerMeter) -> Iterator[_Family]:
    last, joules = power.last, power.energy.joules
    if last is None:
        return
    for name, text, value in (
        ("power_watts", "Mean power of the last second.", last.power_w),
        ("temperature_celsius", "Temperature of the hottest zone.", last.temperature_c),
        ("throttled", "1 while heat or the supply holds the machine back.", last.throttled),
    ):
        if value is not None:
            yield f"edgecv_{name}", "gauge", text, [Sample({}, value)]
    clocks = [
        Sample({"part": part}, mhz * 1e6)
        for part, mhz in (("cpu", last.cpu_mhz), ("gpu", last.gpu_mhz))
        if mhz is not None
    ]
    if clocks:
        yield "edgecv_clock_hertz", "gauge", "Clock of the quickest core.", clocks
    if joules is not None:
        text = "Energy used since the run began."
        yield "edgecv_energy_joules_total", "counter", text, [Sample({}, joules)]
    text = "Time in which the machine was held back."
    yield "edgecv_throttled_seconds_total", "counter", text, [Sample({}, power.throttled_s)]


def _of_mqtt(told: Mapping[str, float]) -> Iterator[_Family]:
    connected = [Sample({}, told["connected"])]
    yield "edgecv_mqtt_connected", "gauge", "1 while the broker is there.", connected
    for key, text in (("sent", "Delivered."), ("dropped", "Lost: too many waited.")):
        samples = [Sample({}, told[key])]
        yield f"edgecv_mqtt_messages_{key}_total", "counter", f"Messages. {text}", samples
    waiting = [Sample({}, told["waiting"])]
    yield "edgecv_mqtt_messages_waiting", "gauge", "Messages that wait for the broker.", waiting


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value, suffix in samples:
        inner = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
        where = f"{{{inner}}}" if inner else ""
        lines.append(f"{name}{suffix}{where} {float(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
