"""Real processes, each a short or an endless run of edgecv."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgecv.sweep.processes import Job, Processes, launch, let_go, wait


def endless(folder: Path) -> Job:
    words = ["data", "conveyor", str(folder), "--images", "100000"]
    return Job("endless", words, folder.with_suffix(".log"))


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def pool() -> Iterator[Processes]:
    pool = Processes(2)
    yield pool
    pool.close()


def test_jobs_end_with_their_status_and_leave_their_output(pool: Processes, tmp_path: Path) -> None:
    pool.start(Job("good", ["recipes", "list"], tmp_path / "good.log"))
    pool.start(Job("bad", ["recipes", "lost"], tmp_path / "bad.log"))
    ended: dict[str, int] = {}
    until(lambda: ended.update(pool.ended()) or len(ended) == 2)
    assert ended == {"good": 0, "bad": 2}
    assert pool.ended() == {}
    good = (tmp_path / "good.log").read_text("utf-8")
    assert good.startswith("$ edgecv recipes list\n")
    assert "yolo_int8" in good


def test_a_job_that_is_stopped_ends_as_by_ctrl_c(pool: Processes, tmp_path: Path) -> None:
    job = endless(tmp_path / "data")
    pool.start(job)
    until(lambda: (tmp_path / "data").is_dir())
    pool.stop(job.name)
    ended: dict[str, int] = {}
    until(lambda: ended.update(pool.ended()) or ended)
    assert ended == {"endless": 130}
    assert "edgecv: stopped" in job.log.read_text("utf-8")


def test_slots_share_the_cores() -> None:
    cores = len(os.sched_getaffinity(0))
    for slots in (1, 2, 3):
        shares = Processes(slots)._free
        assert len(shares) == slots
        assert {len(share) for share in shares} == {max(1, cores // slots)}


def test_a_job_ends_when_what_started_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from edgecv.sweep.processes import Job, launch\n"
        f"words = ['data', 'conveyor', {str(tmp_path / 'data')!r}, '--images', '100000']\n"
        f"print(launch(Job('a', words, Path({str(tmp_path / 'log')!r})), {{}}).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    child = int(starter.stdout.readline())
    until(lambda: (tmp_path / "data").is_dir())
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    until(lambda: "edgecv: stopped" in (tmp_path / "log").read_text("utf-8"))
    until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not cmdline(child))


def cmdline(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_job_that_was_let_go_is_waited_for(tmp_path: Path) -> None:
    process = launch(endless(tmp_path / "data"), {})
    until(lambda: (tmp_path / "data").is_dir())
    let_go(process)
    let_go(process)
    assert wait(process) == 130
