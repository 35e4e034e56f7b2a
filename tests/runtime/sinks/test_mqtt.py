from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker import PASSWORD, USER, Broker, free_port
from found import NAMES, found, frame
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgecv.errors import EdgecvError, MissingExtraError, UsageError
from edgecv.runtime.counts import BorderCounts, Counted
from edgecv.runtime.sinks import mqtt
from edgecv.runtime.sinks._broker import parse_broker
from edgecv.runtime.sinks.mqtt import Mqtt

SECRET = "camera:a%3Ab%40c%2Fd%20e"  # noqa: S105


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker")
    yield made
    made.stop()


class Reader:
    """A subscriber of everything."""

    def __init__(self, broker: Broker, user: str | None = None, ca: Path | None = None) -> None:
        self.got: list[tuple[str, Any]] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._keep
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_connect = lambda *_: self._client.subscribe("#", qos=1)
        if user is not None:
            self._client.username_pw_set(user, PASSWORD)
        if ca is not None:
            self._client.tls_set(str(ca))
        self._client.connect("127.0.0.1" if ca is None else "localhost", broker.port)
        self._client.loop_start()
        assert ready.wait(10)

    def _keep(self, client: object, data: object, message: Any) -> None:
        text = message.payload.decode()
        self.got.append((message.topic, json.loads(text) if text.startswith("{") else text))

    def of(self, topic: str) -> list[Any]:
        return [value for name, value in self.got if name == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def sink_to(broker: Broker, rest: str = "/yard/west") -> Mqtt:
    return Mqtt(parse_broker(f"mqtt://127.0.0.1:{broker.port}{rest}"), NAMES)


def test_results_arrive_as_lines_of_jsonl_in_order(broker: Broker) -> None:
    reader, sink = Reader(broker), sink_to(broker)
    wait_until(lambda: sink.to_json()["sent"] == 1)
    for index in range(50):
        sink.write(frame(index), found(1 + index % 2))
    sink.close()
    wait_until(lambda: reader.of("yard/west/status")[-1:] == ["offline"])
    lines = reader.of("yard/west/door/tracks")
    assert [line["frame"] for line in lines] == list(range(50))
    assert [track["class"] for track in lines[1]["tracks"]] == ["nut", "bolt"]
    assert reader.of("yard/west/status") == ["online", "offline"]
    # both messages of the status are counted too
    told = sink.to_json()
    assert (told["sent"], told["waiting"], told["dropped"]) == (52, 0, 0)
    reader.close()


def test_a_run_shorter_than_its_connection_still_ends_offline(broker: Broker) -> None:
    sink = sink_to(broker)
    sink.write(frame(), found(1))
    sink.close()
    late = Reader(broker)
    wait_until(lambda: late.of("yard/west/status"))
    assert late.of("yard/west/status") == ["offline"]
    late.close()


def test_counts_are_sent_when_they_change_and_kept_for_who_comes_later(broker: Broker) -> None:
    sink = sink_to(broker)
    wait_until(lambda: sink.to_json()["sent"] == 1)
    for index, count in enumerate((1, 1, 2, 2)):
        taken = frame(index)
        taken.counted = Counted(
            (BorderCounts("step", ((0, 9), (64, 9)), {"nut": count}, {}, None),)
        )
        sink.write(taken, found(1))
    wait_until(lambda: not sink.to_json()["waiting"])
    late = Reader(broker)
    wait_until(lambda: late.of("yard/west/door/counts"))
    assert late.of("yard/west/door/counts") == [{"step": {"in": {"nut": 2}, "out": {}}}]
    # online, four frames, two counts
    assert sink.to_json()["sent"] == 7
    sink.close()
    late.close()


def test_a_broker_that_goes_and_comes_back_gets_what_waited(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mqtt, "WAITING_MAX", 20)
    sink = sink_to(broker)
    sink.write(frame(0), found(1))
    wait_until(lambda: sink.to_json()["sent"] == 2)
    broker.stop()
    wait_until(lambda: not sink.to_json()["connected"])
    worst = 0.0
    for index in range(1, 51):
        begun = time.perf_counter()
        sink.write(frame(index), found(1))
        worst = max(worst, time.perf_counter() - begun)
    assert worst < 0.2
    assert (sink.to_json()["waiting"], sink.to_json()["dropped"]) == (20, 30)
    broker.start()
    reader = Reader(broker)
    wait_until(lambda: not sink.to_json()["waiting"])
    sink.write(frame(99), found(1))
    with pytest.raises(EdgecvError, match="30 messages were not delivered"):
        sink.close()
    wait_until(lambda: reader.of("yard/west/status")[-1:] == ["offline"])
    got = [line["frame"] for line in reader.of("yard/west/door/tracks")]
    # some may have been delivered before the reader was there
    assert got == [*range(1, 21), 99][-len(got) :]
    assert got[-1] == 99
    told = capsys.readouterr().err
    assert "connection lost" in told
    assert "up to 20 messages wait" in told
    assert f"mqtt://127.0.0.1:{broker.port}/yard/west: back" in told
    reader.close()


def test_a_broker_that_never_was_there_blocks_nothing_and_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mqtt, "CLOSE_S", 0.2)
    sink = Mqtt(parse_broker(f"mqtt://me:secret@127.0.0.1:{free_port()}"), NAMES)
    begun = time.monotonic()
    for index in range(100):
        sink.write(frame(index), found(1))
    assert time.monotonic() - begun < 1
    wait_until(lambda: sink._told_down)
    with pytest.raises(EdgecvError, match="101 messages were not delivered, 0 were"):
        sink.close()
    assert time.monotonic() - begun < 10
    told = capsys.readouterr().err
    assert "not to be reached. Trying again" in told
    assert told.count("\n") == 1
    assert "secret" not in told


def test_a_broker_that_stalls_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "CLOSE_S", 0.2)
    with socket.socket() as silent:  # takes the connection and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        sink = Mqtt(parse_broker(f"mqtt://127.0.0.1:{silent.getsockname()[1]}"), NAMES)
        begun = time.monotonic()
        for index in range(2000):
            sink.write(frame(index), found(1))
        assert time.monotonic() - begun < 5
        assert sink.to_json()["dropped"] == 1000
        with pytest.raises(EdgecvError, match="messages were not delivered"):
            sink.close()


def test_a_password_opens_and_a_wrong_one_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mqtt, "CLOSE_S", 0.2)
    broker = Broker(tmp_path / "broker", locked=True)
    address = f"127.0.0.1:{broker.port}"
    right = Mqtt(parse_broker(f"mqtt://{SECRET}@{address}"), NAMES)
    right.write(frame(), found(1))
    wait_until(lambda: right.to_json()["sent"] == 2)
    reader = Reader(broker, USER)
    wait_until(lambda: reader.of("edgecv/status") == ["online"])
    right.close()
    wrong = Mqtt(parse_broker(f"mqtt://camera:wrong@{address}"), NAMES)
    wait_until(lambda: wrong._told_down)
    with pytest.raises(EdgecvError, match="not delivered"):
        wrong.close()
    told = capsys.readouterr().err
    assert told.count("refuses: Not authorized. Check the user and the password") == 1
    assert PASSWORD not in told
    reader.close()
    broker.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of localhost, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    folder = tmp_path_factory.mktemp("tls")
    files = {"certfile": folder / "cert.pem", "keyfile": folder / "key.pem"}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-out", files["certfile"], "-keyout", files["keyfile"]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


# paho leaves the socket of a handshake that failed to the garbage collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
def test_tls_is_checked_against_the_authority_that_was_given(
    tmp_path: Path, certificate: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "CLOSE_S", 0.2)
    broker = Broker(tmp_path / "broker", tls=certificate)
    address = f"mqtts://localhost:{broker.port}/t"
    sink = Mqtt(parse_broker(f"{address}?ca={certificate['certfile']}"), NAMES)
    sink.write(frame(), found(1))
    wait_until(lambda: sink.to_json()["sent"] == 2)
    sink.close()
    stranger = Mqtt(parse_broker(address), NAMES)
    stranger.write(frame(), found(1))
    wait_until(lambda: stranger._told_down)
    with pytest.raises(EdgecvError, match="2 messages were not delivered, 0 were"):
        stranger.close()
    with pytest.raises(UsageError, match=r"absent\.pem: not to be used"):
        Mqtt(parse_broker(f"{address}?ca={tmp_path}/absent.pem"), NAMES)
    broker.stop()


def test_a_url_is_taken_apart_and_shown_without_its_password() -> None:
    found = parse_broker(f"mqtt://{SECRET}@host.example/plant/line%201/")
    assert (found.host, found.port, found.topic) == ("host.example", 1883, "plant/line 1")
    assert (found.user, found.password) == (USER, PASSWORD)
    assert str(found) == "mqtt://host.example:1883/plant/line 1"
    assert PASSWORD not in repr(found)
    assert USER not in repr(found)
    tls = parse_broker("mqtts://host?ca=/a.pem")
    assert (tls.port, tls.topic, tls.files, tls.user) == (8883, "edgecv", {"ca": "/a.pem"}, None)


@pytest.mark.parametrize(
    "text",
    ["host", "http://host", "mqtt://", "mqtt://u:secret@host:port", "mqtt://host?ca=a",
     "mqtts://host?qos=2", "mqtt://u:secret@host/a/#", "mqtt://host/+/a"],
)  # fmt: skip
def test_what_is_no_broker_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--mqtt: ") as caught:
        parse_broker(text)
    assert "secret" not in str(caught.value)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[mqtt\]'"):
        Mqtt(parse_broker("mqtt://u:secret@host"), NAMES)
