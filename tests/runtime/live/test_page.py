from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from chromium import Page
from found import NAMES, found, frame
from recorded_devices import orin_nano
from small_bundles import answer_of, spec_of

from edgecv.bundle import InputSpec
from edgecv.engines import PooledEngine
from edgecv.runtime.counting import Counting
from edgecv.runtime.governing import Governing
from edgecv.runtime.governor import Target, gears_of
from edgecv.runtime.listening import Address, Listener
from edgecv.runtime.live import page as page_module
from edgecv.runtime.live.access import Access
from edgecv.runtime.live.hub import Hub
from edgecv.runtime.live.page import PageHandler, Served
from edgecv.runtime.power import PowerMeter
from edgecv.runtime.running import Running
from edgecv.runtime.stats import Stats
from edgecv.runtime.switched import SwitchedEngine
from edgecv.runtime.turns import Turns
from edgecv.runtime.zones import Zones

TOKEN = "a-token-nobody-can-guess"  # noqa: S105
ZONES = {
    "size": (64, 48),
    "lines": [{"name": "<step>", "points": [[4, 30], [60, 30]]}],
    "zones": [{"name": "lawn", "points": [[4, 4], [60, 4], [60, 44], [4, 44]]}],
}


@dataclass
class Run:
    """A run without a loop: results come from `feed`."""

    listener: Listener
    hub: Hub
    stats: Stats
    counting: Counting

    def feed(self, index: int, stream: str = "door") -> None:
        taken = frame(index, stream)
        taken.small, taken.letterbox = taken.picture.letterbox(InputSpec(width=32, height=32))
        self.counting.see(taken, found())
        self.stats.streams[stream].frames_in += 1
        self.stats.result(taken)
        self.hub.write(taken, found())

    def ask(self, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(*self.listener.address, timeout=10)
        connection.request("POST" if body is not None else "GET", path, body, headers)
        answer = connection.getresponse()
        told = answer.status, answer.read().decode()
        connection.close()
        return told


def governing_of(stats: Stats) -> Governing:
    """One that has come to detect every third frame."""
    engine = SwitchedEngine(PooledEngine("small", spec_of(), answer_of), {}.__getitem__)
    gears, turns = gears_of({"openvino-int8": 1.0}), Turns(list(stats.streams))
    made = Governing(Target(fps=30), gears, engine, turns, stats, 2)
    made.gear = gears[2]
    return made


def served(device: Path, token: str | None = None) -> Run:
    meter = PowerMeter(orin_nano(device))
    meter.look()
    stats, hub = Stats(["door", "yard"]), Hub(NAMES)
    counting = Counting(Zones.model_validate(ZONES), NAMES, ["door", "yard"])
    listener = Listener("--serve", Address("127.0.0.1", 0), PageHandler)
    governing = governing_of(stats)
    running = Running("openvino-int8", "botsort", 2, stats, counting, None, meter, governing)
    listener.start(Served(running, hub, Access(listener.address, token)))
    return Run(listener, hub, stats, counting)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = served(tmp_path)
    yield made
    made.hub.close()
    made.listener.close()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Run]:
    made = served(tmp_path, TOKEN)
    yield made
    made.hub.close()
    made.listener.close()


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


class Events:
    """A client that reads server-sent events, as slowly as it likes."""

    def __init__(self, run: Run) -> None:
        self.socket = socket.create_connection(run.listener.address, timeout=10)
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self._file = self.socket.makefile("rb")
        assert b"200" in self._file.readline()
        while self._file.readline().strip():
            pass

    def next(self) -> tuple[str, dict]:
        name = self._file.readline().decode().removeprefix("event: ").strip()
        data = json.loads(self._file.readline().decode().removeprefix("data: "))
        self._file.readline()
        return name, data

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def test_events_bring_every_stream_over_one_connection_and_then_the_end(run: Run) -> None:
    events = Events(run)
    wait_until(lambda: run.hub.looking)
    run.feed(1, "door")
    run.feed(2, "yard")
    told = [events.next(), events.next()]
    assert sorted((name, one["source"]) for name, one in told) == [
        ("frame", "door"),
        ("frame", "yard"),
    ]
    name, state = events.next()
    assert name == "state"
    assert state["streams"]["door"]["frames_in"] == 1
    assert state["streams"]["door"]["counts"]["lawn"]["inside"] == {"nut": 1, "bolt": 1}
    run.hub.close()
    assert events.next() == ("end", {})
    events.close()


def test_a_client_that_does_not_read_never_holds_up_the_run_and_is_left(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PageHandler, "timeout", 1.0)
    monkeypatch.setattr(page_module, "SEND_BUFFER", 4096)
    monkeypatch.setattr(page_module, "RATE", 1e4)
    monkeypatch.setattr(page_module, "RATE_OF_ALL", 1e4)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(run.listener.address)
    slow.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wait_until(lambda: run.hub.looking)
    worst = 0.0
    for index in range(3000):
        begun = time.perf_counter()
        run.feed(index)
        worst = max(worst, time.perf_counter() - begun)
        time.sleep(0.001)
        if not run.hub.looking:
            break
    wait_until(lambda: not run.hub.looking)
    assert worst < 0.5
    slow.close()


def test_so_many_may_look_and_no_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "LOOKERS_MAX", 1)
    first = Events(run)
    wait_until(lambda: run.hub.looking)
    assert run.ask("/events") == (503, "too many look already\n")
    first.close()


def test_the_state_is_there_for_scripts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "STATE_S", 0.1)
    threading.Timer(0.05, run.feed, (0,)).start()
    status, body = run.ask("/state")
    told = json.loads(body)
    assert (status, told["variant"], set(told["streams"])) == (
        200,
        "openvino-int8",
        {"door", "yard"},
    )
    assert set(told["stages"]) == set(run.stats.stages)


def test_the_state_tells_of_the_device_and_the_governor(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "STATE_S", 0.05)
    told = json.loads(run.ask("/state")[1])
    assert told["governor"] == {"fps": 30, "p99_ms": None, "stride": 3, "switched": 0}
    assert (told["power"]["power_w"], told["power"]["temperature_c"]) == (7.0, 51.25)
    assert told["power"]["throttled"] is False


def test_another_name_for_this_machine_is_not_served(run: Run) -> None:
    assert run.ask("/state", Host="evil.example")[0] == 421
    assert run.ask("/nothing")[0] == 404
    assert run.ask("/../page.py")[0] == 404


def test_without_the_token_there_is_only_the_question_for_it(locked: Run) -> None:
    for path in ("/", "/events", "/state", "/page.js", "/nothing"):
        status, body = locked.ask(path)
        assert status == 401
        assert 'name="token"' in body
    assert locked.ask("/page.css")[0] == 200
    status, body = locked.ask("/login", "token=wrong")
    assert (status, 'role="alert">That is not the token' in body) == (403, True)
    assert 'role="alert" hidden>' in locked.ask("/")[1]
    assert locked.ask("/login", "x" * 5000)[0] == 404
    assert locked.ask("/page.js", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert not locked.hub.looking


def objects(browser: Page) -> str:
    return str(browser.evaluate("document.querySelector('canvas').getAttribute('aria-label')"))


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_every_stream_with_its_boxes_counts_and_speed(
    browser: Page, run: Run, width: int
) -> None:
    browser.size(width)
    browser.open(f"http://{run.listener.address}/")
    wait_until(lambda: run.hub.looking)
    for index in range(30):
        for stream in ("door", "yard"):
            run.feed(index, stream)
        time.sleep(0.05)
    wait_until(lambda: objects(browser) == "door: 2 objects")
    assert browser.complaints() == []
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    titles = browser.evaluate(
        "[...document.querySelectorAll('h2')].map((h) => h.textContent).join()"
    )
    assert titles == "door,yard"
    # the middle of a box's left edge has the colour of track 7, which is the first of seven
    pixel = browser.evaluate(
        "(() => { const c = document.querySelector('canvas'), s = c.width / 64;"
        "return [...c.getContext('2d').getImageData(8 * s, 26 * s, 1, 1).data].join() })()"
    )
    assert pixel == "230,159,0,255"
    wait_until(lambda: browser.evaluate("document.querySelectorAll('.stage').length") == 6)
    text = browser.evaluate("document.body.innerText")
    assert "openvino-int8, tracker botsort" in text
    assert "<step>" in text
    assert "7.0 W · 51 °C · one frame of 3 detected · 0 switches" in text
    own = [url for url in browser.requests() if f"//{run.listener.address}/" not in url]
    assert own == []
    run.hub.close()
    wait_until(lambda: "the run has ended" in str(browser.evaluate("document.body.innerText")))


def test_the_label_of_a_box_at_or_above_the_upper_edge_is_whole(browser: Page, run: Run) -> None:
    browser.open(f"http://{run.listener.address}/")
    pen = "{ measureText: () => ({ width: 40 }), fillText() {}, fillRect: (...r) => put.push(r) }"
    places = browser.evaluate(
        "(() => { const put = [];"
        f"for (const y of [-6, 0, 16, 17, 300]) label({pen}, 'nut 1', 8, y, '#fff', 320, 240);"
        "return JSON.stringify(put) })()"
    )
    assert [place[1] for place in json.loads(str(places))] == [0, 0, 16, 0, 223]


def test_a_browser_gets_in_with_the_token_alone(browser: Page, locked: Run) -> None:
    browser.size(390)
    browser.open(f"http://{locked.listener.address}/")
    assert browser.evaluate("document.querySelector('input').type") == "password"
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    browser.evaluate(
        f"document.querySelector('input').value = '{TOKEN}';"
        "document.querySelector('form').requestSubmit()"
    )
    wait_until(lambda: locked.hub.looking)
    wait_until(lambda: browser.evaluate("document.getElementById('link').className") == "live")
    assert TOKEN not in str(browser.evaluate("location.href + document.cookie"))
    # requests that hold the token: the form alone
    assert not any(TOKEN in url for url in browser.requests())
