from __future__ import annotations

import http.client
from dataclasses import replace
from pathlib import Path

import pytest
from found import found, frame
from prometheus_client.parser import text_string_to_metric_families
from recorded_devices import orin_nano, virtual_machine
from small_bundles import answer_of, spec_of

from edgecv.engines import PooledEngine
from edgecv.runtime.counting import Counting
from edgecv.runtime.governing import Governing
from edgecv.runtime.governor import Target, gears_of
from edgecv.runtime.listening import Address, Listener
from edgecv.runtime.power import PowerMeter
from edgecv.runtime.prometheus import CONTENT_TYPE, MetricsHandler, exposition
from edgecv.runtime.running import Running
from edgecv.runtime.stats import Stats
from edgecv.runtime.switched import SwitchedEngine
from edgecv.runtime.turns import Turns
from edgecv.runtime.zones import Zones

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Sending:
    def to_json(self) -> dict[str, float]:
        return {"connected": True, "sent": 7, "waiting": 2, "dropped": 1}


def parsed(text: str) -> Values:
    """By the name of a sample and its labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(values: Values, name: str, /, **labels: str) -> float:
    return values[name, frozenset(labels.items())]


def running(**more: object) -> Running:
    stats = Stats(["door", 'odd "name"\\'])
    for index, age_ms in enumerate((4.0, 30.0, 300.0, 60_000.0)):
        taken = frame(index)
        taken.age_ms = age_ms
        stats.result(taken)
    stats.streams["door"].frames_in = 9
    stats.streams["door"].dropped.update(newer=3, every=2)
    stats.stages["engine"].wall.add(20)
    stats.stages["decode"].cpu.add(5)
    return Running("openvino-int8", "botsort", 2, stats, **more)  # type: ignore[arg-type]


def test_an_independent_parser_reads_every_value() -> None:
    values = parsed(exposition(running()))
    assert value(values, "edgecv_frames_in_total", stream="door") == 9
    assert value(values, "edgecv_frames_processed_total", stream="door") == 4
    assert value(values, "edgecv_frames_processed_total", stream='odd "name"\\') == 0
    assert value(values, "edgecv_frames_dropped_total", stream="door", cause="newer") == 3
    assert value(values, "edgecv_stage_seconds_sum", stage="engine") == pytest.approx(0.02)
    assert value(values, "edgecv_stage_seconds_count", stage="engine") == 1
    told = value(values, "edgecv_stage_seconds", stage="engine", quantile="0.9")
    assert told == pytest.approx(0.02, rel=0.02)
    assert value(values, "edgecv_stage_cpu_seconds_total", stage="decode") == pytest.approx(0.005)
    assert ("process_resident_memory_bytes", frozenset()) in values
    info = next(dict(labels) for name, labels in values if name == "edgecv_info")
    assert (info["variant"], info["tracker"]) == ("openvino-int8", "botsort")


def test_families_have_the_types_that_queries_need() -> None:
    kinds = {f.name: f.type for f in text_string_to_metric_families(exposition(running()))}
    assert kinds["edgecv_frame_age_seconds"] == "histogram"
    assert kinds["edgecv_frames_in"] == "counter"
    assert kinds["edgecv_stage_seconds"] == "summary"
    assert kinds["edgecv_stream_broken"] == "gauge"


def test_ages_are_a_histogram_of_what_was_measured() -> None:
    values = parsed(exposition(running()))

    def up_to(edge: str) -> float:
        return value(values, "edgecv_frame_age_seconds_bucket", stream="door", le=edge)

    # 4, 30, 300 and 60 000 ms
    assert [up_to(edge) for edge in ("0.005", "0.025", "0.05", "0.5", "10.0", "+Inf")] == [
        *(1, 1, 2, 3, 3, 4)
    ]
    assert value(values, "edgecv_frame_age_seconds_count", stream="door") == 4
    assert value(values, "edgecv_frame_age_seconds_sum", stream="door") == pytest.approx(60.334)


def test_zones_and_the_broker_are_told_where_there_are_some() -> None:
    zone = {"name": "all", "points": [[0, 0], [64, 0], [64, 48], [0, 48]]}
    line = {"name": "line", "points": [[0, 20], [64, 20]]}
    zones = Zones.model_validate({"size": (64, 48), "zones": [zone], "lines": [line]})
    counting = Counting(zones, ("nut", "bolt"), ["door", 'odd "name"\\'])
    counting.see(frame(), found(2))
    values = parsed(exposition(running(counting=counting, mqtt=Sending())))
    where = {"stream": "door", "name": "all"}
    assert value(values, "edgecv_zone_objects", **where, **{"class": "nut"}) == 1
    assert value(values, "edgecv_mqtt_messages_sent_total") == 7
    assert value(values, "edgecv_mqtt_messages_dropped_total") == 1
    assert value(values, "edgecv_mqtt_connected") == 1
    counting.see(frame(1), found(2).select([0]))
    up = found(2).select([0])
    up.boxes_xyxy[:, [1, 3]] -= 30
    counting.see(frame(2), up)
    values = parsed(exposition(running(counting=counting)))
    crossed = {"stream": "door", "name": "line", "class": "nut"}
    assert value(values, "edgecv_crossings_total", **crossed, direction="out") == 1


def test_it_is_served_over_http() -> None:
    listener = Listener("--metrics", Address("127.0.0.1", 0), MetricsHandler)
    listener.start(running())
    connection = http.client.HTTPConnection(*listener.address, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert len(parsed(answer.read().decode())) > 40
    connection.close()
    connection.request("GET", "/other")
    assert connection.getresponse().status == 404
    connection.close()
    listener.close()


def test_what_the_device_tells_is_told_on(tmp_path: Path) -> None:
    meter = PowerMeter(orin_nano(tmp_path))
    meter.look()
    values = parsed(exposition(running(power=meter)))
    assert value(values, "edgecv_power_watts") == 7.0
    assert value(values, "edgecv_energy_joules_total") == pytest.approx(meter.energy.joules)
    assert value(values, "edgecv_temperature_celsius") == 51.25
    assert value(values, "edgecv_clock_hertz", part="gpu") == 306e6
    assert value(values, "edgecv_clock_hertz", part="cpu") == 1.4976e9
    assert value(values, "edgecv_throttled") == 0
    assert value(values, "edgecv_throttled_seconds_total") == 0


def test_what_it_does_not_tell_is_no_sample(tmp_path: Path) -> None:
    meter = PowerMeter(virtual_machine(tmp_path))
    assert "edgecv_throttled" not in exposition(running(power=meter))  # before the first look
    meter.look()
    names = {name for name, _ in parsed(exposition(running(power=meter)))}
    told = {name for name in names if "throttled" in name or "clock" in name or "power" in name}
    assert told == {"edgecv_throttled", "edgecv_throttled_seconds_total"}


def test_the_governors_stride_is_told() -> None:
    told = running()
    told.stats.streams["door"].predicted = 3
    engine = SwitchedEngine(PooledEngine("small", spec_of(), answer_of), {}.__getitem__)
    with engine:
        gears = gears_of({"openvino-int8": 1.0})
        governing = Governing(Target(fps=30), gears, engine, Turns(["door"]), told.stats, 2)
        governing.gear = gears[1]
        values = parsed(exposition(replace(told, governing=governing)))
    assert value(values, "edgecv_stride", variant="openvino-int8") == 2
    assert value(values, "edgecv_governor_switches_total") == 0
    assert value(values, "edgecv_frames_predicted_total", stream="door") == 3
    assert "edgecv_stride" not in exposition(told)
