from __future__ import annotations

import sys
from pathlib import Path

import pytest
from recorded_devices import orin_nano, packages, virtual_machine, write

from edgecv.device import system_tensorrt as module
from edgecv.device.packages import STATUS
from edgecv.device.system_tensorrt import SystemTensorRT, system_tensorrt

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def visible(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that this Python finds."""
    names: set[str] = set()
    monkeypatch.setattr(module, "importable", names.__contains__)
    return names


def test_the_systems_version_and_python_are_told(tmp_path: Path, visible: set[str]) -> None:
    found = system_tensorrt(orin_nano(tmp_path))
    assert found == SystemTensorRT("10.3.0.30", "3.10", visible=False, cuda_visible=False)


@pytest.mark.parametrize(
    ("found", "problem", "do"),
    [
        (SystemTensorRT(None, None, False, True), "not installed", "nvidia-jetpack"),
        (SystemTensorRT("10.3", None, False, True), "no Python bindings", "python3-libnvinfer"),
        (SystemTensorRT("10.3", "2.7", False, True), "for Python 2.7", "python2.7 -m venv"),
        (SystemTensorRT("10.3", HERE, False, True), "does not see", "--system-site-packages"),
        (SystemTensorRT("10.3", "3.10", True, False), "cuda-python", "'cuda-python>=12.6,<13'"),
    ],
)
def test_each_way_to_lack_it_has_its_own_step(found: SystemTensorRT, problem: str, do: str) -> None:
    assert found.problem is not None
    assert problem in found.problem[0]
    assert do in found.problem[1]


def test_what_is_visible_with_cuda_has_no_problem(tmp_path: Path, visible: set[str]) -> None:
    visible |= {"tensorrt", "cuda.bindings.runtime"}
    assert system_tensorrt(orin_nano(tmp_path / "jetson")).problem is None
    assert system_tensorrt(virtual_machine(tmp_path / "wheel")).problem is None


def test_a_library_of_another_name_is_not_tensorrt(tmp_path: Path, visible: set[str]) -> None:
    write(tmp_path, {STATUS: packages({"libnvinfer-plugin10": "1", "libnvinfer-bin": "1"})})
    assert system_tensorrt(tmp_path).library is None
