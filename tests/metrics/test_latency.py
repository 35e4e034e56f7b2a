from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import edgecv
from edgecv.metrics.latency import fingerprint, percentiles, versions


@pytest.mark.parametrize("count", [1, 2, 3, 10, 99, 100, 101])
def test_a_percentile_is_the_sample_of_the_nearest_rank(count: int) -> None:
    samples = np.random.default_rng(count).permutation(count) + 1.0
    found = percentiles(list(samples))
    for share in (50, 90, 99):
        assert found[f"p{share}"] == math.ceil(share * count / 100)
    assert found["max"] == count
    assert found["mean"] == pytest.approx((count + 1) / 2)


def test_one_slow_call_shows_in_the_maximum_and_not_in_the_median() -> None:
    found = percentiles([10.0] * 99 + [1000.0])
    assert (found["p50"], found["p99"], found["max"]) == (10.0, 10.0, 1000.0)


def test_times_are_told_to_the_microsecond() -> None:
    assert percentiles([1.23456])["p50"] == 1.235


@pytest.mark.parametrize("samples", [[], [[1.0, 2.0]]], ids=["empty", "two rows"])
def test_samples_that_are_not_a_row_are_refused(samples: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        percentiles(samples)


def test_the_fingerprint_names_the_machine_and_goes_into_json() -> None:
    found = json.loads(json.dumps(fingerprint()))
    assert found["cpu"]
    assert found["cores_available"] >= 1
    assert found["memory_gb"] > 0
    assert found["edgecv"] == edgecv.__version__
    assert found["packages"]["numpy"] == np.__version__


def test_the_fingerprint_reads_governor_board_and_instructions(tmp_path: Path) -> None:
    governor = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    governor.parent.mkdir(parents=True)
    governor.write_text("schedutil\n", "utf-8")
    tree = tmp_path / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(b"NVIDIA Jetson AGX Orin\0")
    (tmp_path / "proc/cpuinfo").write_text("model name: A78\nFeatures: asimd i8mm\n", "utf-8")
    found = fingerprint(tmp_path)
    assert found["governor"] == "schedutil"
    assert found["board"] == "NVIDIA Jetson AGX Orin"
    assert (found["cpu"], found["isa"]) == ("A78", ["asimd", "i8mm"])


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert versions([]) == {}
    assert versions(["numpy", "no-such-distribution"]) == {"numpy": np.__version__}
