from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_videos import null_bundle

from edgecv.runtime import heartbeat
from edgecv.runtime.heartbeat import STATUS_S, Heartbeat
from edgecv.runtime.stats import Stats

SECOND_US = "1000000"


@pytest.fixture
def time_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test moves."""
    time = [100.0]
    monkeypatch.setattr(heartbeat, "now", lambda: time[0])
    return time


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket in systemd's place."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(30)
        yield receiver


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(manager.getsockname()), **more}


def said(manager: socket.socket) -> list[str]:
    """All that has been said up to now."""
    lines = []
    manager.setblocking(False)
    while True:
        try:
            lines.append(manager.recv(1000).decode())
        except BlockingIOError:
            return lines


def test_without_systemd_nothing_is_said_and_nothing_fails(time_s: list[float]) -> None:
    beating, stats = Heartbeat({}), Stats(["door"])
    stats.streams["door"].processed = 1
    beating.beat(stats)
    beating.stop()


def test_a_run_is_ready_with_its_first_result(manager: socket.socket, time_s: list[float]) -> None:
    beating, stats = Heartbeat(environment(manager)), Stats(["door"])
    for _ in range(3):
        time_s[0] += 100
        beating.beat(stats)
    assert said(manager) == []
    stats.streams["door"].processed = 1
    time_s[0] += 0.1
    for _ in range(3):
        beating.beat(stats)
    assert said(manager) == ["READY=1\nSTATUS=1 frames", "WATCHDOG=1\nSTATUS=1 frames"]


def test_a_run_whose_cameras_are_all_away_is_ready_and_says_for_which_it_waits(
    manager: socket.socket, time_s: list[float]
) -> None:
    stats = Stats(["door", "yard"])
    beating = Heartbeat(environment(manager, WATCHDOG_USEC=SECOND_US))
    stats.streams["door"].broken = True
    beating.beat(stats)
    assert said(manager) == []  # the yard may still come
    stats.streams["yard"].broken = True
    beating.beat(stats)
    assert said(manager) == ["READY=1\nSTATUS=0 frames; waiting for door, yard"]
    for _ in range(3):
        time_s[0] += 0.3
        beating.beat(stats)
        assert said(manager) == ["WATCHDOG=1\nSTATUS=0 frames; waiting for door, yard"]
    stats.streams["yard"].broken = False
    for _ in range(10):  # it is back, and nothing comes of it
        time_s[0] += 0.3
        beating.beat(stats)
    assert said(manager) == []
    stats.streams["yard"].processed = 1
    beating.beat(stats)
    assert said(manager) == ["WATCHDOG=1\nSTATUS=1 frames; waiting for door"]


def test_the_watchdog_is_fed_while_there_are_new_results(
    manager: socket.socket, time_s: list[float]
) -> None:
    beating, stats = Heartbeat(environment(manager, WATCHDOG_USEC=SECOND_US)), Stats(["a", "b"])
    stream, told = stats.streams["a"], []
    for _ in range(40):  # 4 s, four times a second at most
        stream.processed += 1
        time_s[0] += 0.1
        beating.beat(stats)
        told += [line for line in said(manager) if "WATCHDOG=1" in line]
    assert 11 <= len(told) <= 16
    # stuck, whatever else goes on; the last results are told of once more
    time_s[0] += 1
    beating.beat(stats)
    said(manager)
    stats.streams["b"].frames_in += 1000
    stats.streams["b"].broken = True
    for _ in range(40):
        time_s[0] += 0.1
        beating.beat(stats)
    assert said(manager) == []
    stream.processed += 1
    beating.beat(stats)
    assert said(manager) == ["WATCHDOG=1\nSTATUS=41 frames; waiting for b"]


@pytest.mark.parametrize("gone", ["broken", "ended"])
def test_cameras_that_are_gone_are_no_reason_to_start_again(
    manager: socket.socket, time_s: list[float], gone: str
) -> None:
    beating, stats = Heartbeat(environment(manager, WATCHDOG_USEC=SECOND_US)), Stats(["a"])
    stats.streams["a"].processed = 1
    beating.beat(stats)
    setattr(stats.streams["a"], gone, True)
    for _ in range(10):
        said(manager)
        time_s[0] += 0.3
        beating.beat(stats)
        waiting = "; waiting for a" if gone == "broken" else ""
        assert said(manager) == [f"WATCHDOG=1\nSTATUS=1 frames{waiting}"]


def test_without_a_watchdog_the_status_changes_now_and_then(
    manager: socket.socket, time_s: list[float]
) -> None:
    beating, stats = Heartbeat(environment(manager)), Stats(["a"])
    for _ in range(100):
        stats.streams["a"].processed += 1
        time_s[0] += STATUS_S / 20
        beating.beat(stats)
    assert len(said(manager)) in (5, 6)  # READY and one in each STATUS_S


def test_what_did_not_go_out_is_said_again(tmp_path: Path, time_s: list[float]) -> None:
    address = tmp_path / "late"
    beat = Heartbeat({"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": SECOND_US})
    stats = Stats(["door"])
    stats.streams["door"].processed = 1
    beat.beat(stats)  # nobody listens yet
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as late:
        late.bind(str(address))
        beat.beat(stats)
        assert said(late)[0].startswith("READY=1")


def test_the_end_is_said_once(manager: socket.socket) -> None:
    beating = Heartbeat(environment(manager))
    beating.stop()
    beating.stop()
    assert said(manager) == ["STOPPING=1"]


def test_an_address_that_is_no_file_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        name = f"edgecv-test-{os.getpid()}"
        receiver.bind(f"\0{name}")
        Heartbeat({"NOTIFY_SOCKET": f"@{name}"}).stop()
        assert said(receiver) == ["STOPPING=1"]


def test_a_manager_that_is_gone_or_does_not_listen_holds_nothing_up(tmp_path: Path) -> None:
    Heartbeat({"NOTIFY_SOCKET": str(tmp_path / "gone")}).stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        for _ in range(2000):
            Heartbeat({"NOTIFY_SOCKET": str(tmp_path / "deaf")}).stop()


def running(tmp_path: Path, manager: socket.socket, source: str) -> subprocess.Popen[bytes]:
    """`edgecv run`, as systemd starts it."""
    bundle = null_bundle(tmp_path / "bundle").folder
    return subprocess.Popen(
        [sys.executable, "-m", "edgecv", "run", str(bundle), "--source", source],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            **environment(manager, WATCHDOG_USEC=SECOND_US),
            "EDGECV_CACHE": str(tmp_path / "cache"),
            "PYTHONPATH": ":".join(filter(None, sys.path)),
        },
    )


def test_edgecv_run_says_ready_watchdog_and_stopping(
    tmp_path: Path, manager: socket.socket
) -> None:
    process = running(tmp_path, manager, "conveyor://")
    try:
        assert manager.recv(1000).startswith(b"READY=1\nSTATUS=")
        for _ in range(3):
            assert manager.recv(1000).startswith(b"WATCHDOG=1\nSTATUS=")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        while (told := manager.recv(1000)) != b"STOPPING=1":
            assert told.startswith(b"WATCHDOG=1")
        assert process.wait(30) == 0
        assert time.monotonic() - begun < 30
    finally:
        process.kill()
        process.wait()


def test_edgecv_run_is_ready_without_its_camera(tmp_path: Path, manager: socket.socket) -> None:
    # nothing listens at port 1
    process = running(tmp_path, manager, "rtsp://me:secret@127.0.0.1:1/door")
    try:
        waiting = b"STATUS=0 frames; waiting for 127.0.0.1-door"
        assert manager.recv(1000) == b"READY=1\n" + waiting
        for _ in range(2):
            assert manager.recv(1000) == b"WATCHDOG=1\n" + waiting
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
