from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

from edgecv.runtime.gauges import SETTLED, MachineLoad, Memory


def test_memory_grows_by_what_is_held_and_settles_once() -> None:
    memory = Memory()
    memory.look(0)
    before = memory.now
    held = np.ones(40_000_000, np.uint8)
    memory.look(SETTLED)
    assert 35 < memory.now - before < 60
    del held
    memory.look(SETTLED + 1)
    told = memory.to_json()
    assert told["now"] < told["peak"] == told["settled"]


def test_before_enough_results_memory_has_not_settled() -> None:
    memory = Memory()
    memory.look(SETTLED - 1)
    assert memory.to_json()["settled"] is None


def test_the_machines_load_is_what_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    times = namedtuple("times", "user idle iowait")
    looks = iter([times(100.0, 900.0, 50.0), times(130.0, 960.0, 60.0)])
    monkeypatch.setattr("edgecv.runtime.gauges.psutil.cpu_times", lambda: next(looks))
    load = MachineLoad()
    load.look()
    assert load.busy is None
    load.look()
    assert load.busy == pytest.approx(0.3)  # 30 of 100 seconds
