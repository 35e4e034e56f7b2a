from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from broker import free_port

from edgecv.runtime.health import Progress, read_progress, what_is_wrong
from edgecv.runtime.listening import Address, Listener
from edgecv.runtime.prometheus import MetricsHandler, exposition
from edgecv.runtime.running import Running
from edgecv.runtime.stats import Stats


@pytest.fixture
def stats() -> Stats:
    return Stats(["door", 'odd "name"}'])


@pytest.fixture
def address(stats: Stats) -> Iterator[str]:
    """Where the real answer to Prometheus is given."""
    port = free_port()
    listener = Listener("--metrics", Address("127.0.0.1", port), MetricsHandler)
    listener.start(Running("null-fp32", None, 1, stats))
    yield f"127.0.0.1:{port}"
    listener.close()


def test_progress_is_that_of_all_streams(stats: Stats) -> None:
    stats.streams["door"].processed = 7
    stats.streams['odd "name"}'].processed = 3
    stats.streams["door"].broken = True
    text = exposition(Running("null-fp32", None, 1, stats))
    assert read_progress(text) == Progress(10, lost=False)
    stats.streams['odd "name"}'].broken = True
    assert read_progress(exposition(Running("null-fp32", None, 1, stats))).lost


def test_what_is_no_answer_of_a_run_is_no_progress() -> None:
    assert read_progress("") == Progress(0, lost=False)
    assert read_progress("<html>not found</html>") == Progress(0, lost=False)


def test_a_run_with_new_results_is_healthy(stats: Stats, address: str) -> None:
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            stats.streams["door"].processed += 1
            time.sleep(0.01)

    worker = threading.Thread(target=work)
    worker.start()
    found = what_is_wrong(address, wait_s=0.3)
    done.set()
    worker.join()
    assert found is None


def test_a_run_that_is_stuck_is_not(stats: Stats, address: str) -> None:
    stats.streams["door"].processed = 42
    assert what_is_wrong(address, wait_s=0.05) == "no new result in 0.05 s, after 42"


def test_a_run_whose_cameras_are_gone_waits_for_them(stats: Stats, address: str) -> None:
    for stream in stats.streams.values():
        stream.broken = True
    assert what_is_wrong(address, wait_s=0.05) is None


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:no", "127.0.0.1"])
def test_where_nobody_answers_the_option_is_named(address: str) -> None:
    assert f"--metrics {address}" in str(what_is_wrong(address, wait_s=0.05))


def test_as_a_program_it_ends_with_the_status_that_docker_asks_for() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "edgecv.runtime.health", "127.0.0.1:1"],
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("no metrics at 127.0.0.1:1: ")
