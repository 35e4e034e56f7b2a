from __future__ import annotations

from pathlib import Path

import pytest
from recorded_devices import laptop, orin_nano, write

from edgecv.device import rapl
from edgecv.device.rapl import Counter, find_counters, is_locked

PACKAGE = "sys/class/powercap/intel-rapl:0/energy_uj"


def test_cores_are_within_their_package_and_the_platform_around_it(tmp_path: Path) -> None:
    found = find_counters(laptop(tmp_path))
    assert [counter.file.parent.name for counter in found] == ["intel-rapl:0", "intel-rapl:0:1"]


def test_energy_is_told_from_the_second_look_on(tmp_path: Path) -> None:
    counter = find_counters(laptop(tmp_path))[0]
    assert counter.joules() is None
    write(tmp_path, {PACKAGE: "31000000\n"})
    assert counter.joules() == 30.0
    assert counter.joules() == 0.0


def test_a_counter_that_went_round_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "energy_uj"
    file.write_text("9000000")
    counter = Counter(file, full_uj=10_000_000)
    counter.joules()
    file.write_text("500000")
    assert counter.joules() == 1.5


def test_a_counter_that_fails_is_not_counted_across(tmp_path: Path) -> None:
    counter = find_counters(laptop(tmp_path))[0]
    counter.joules()
    write(tmp_path, {PACKAGE: ""})
    assert counter.joules() is None
    write(tmp_path, {PACKAGE: "5000000\n"})
    assert counter.joules() is None


def test_a_counter_for_root_only_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laptop(tmp_path)
    assert not is_locked(tmp_path)
    # root, as which CI may run, reads whatever the mode is
    monkeypatch.setattr(rapl, "read_number", lambda path: None if "energy" in path.name else 1.0)
    assert is_locked(tmp_path)


def test_a_jetson_has_no_counters(tmp_path: Path) -> None:
    assert find_counters(orin_nano(tmp_path)) == ()
    assert not is_locked(tmp_path)
