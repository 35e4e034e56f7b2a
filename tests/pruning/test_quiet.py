from __future__ import annotations

import subprocess
import sys

import pytest

from edgecv.errors import EdgecvError
from edgecv.machine import available_cores
from edgecv.pruning import quiet


def test_no_times_are_taken_beside_busy_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "PATIENCE_S", 0.0)
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(available_cores())
    ]
    try:
        with pytest.raises(EdgecvError, match=r"other programs use .* Stop them"):
            quiet.wait_until_quiet()
    finally:
        for one in busy:
            one.kill()
            one.wait()


def test_it_waits_says_so_once_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = iter([0.6, 0.4, 0.05])
    monkeypatch.setattr(quiet, "_others", lambda: next(shares))
    quiet.wait_until_quiet()
    assert capsys.readouterr().err.count("other programs use 60% of the cores; waiting") == 1
    assert next(shares, None) is None
