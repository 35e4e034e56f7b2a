from __future__ import annotations

import os
from pathlib import Path

import pytest
from recorded_devices import (
    agx_orin,
    laptop,
    orin_nano,
    orin_nx,
    virtual_machine,
    write,
    zones,
)

from edgecv.device import rapl
from edgecv.device.advice import advise_any, advise_jetson
from edgecv.device.cameras import read_cameras
from edgecv.device.gstreamer import gstreamer_elements
from edgecv.device.jetson import read_jetson
from edgecv.device.memory import read_memory
from edgecv.device.system_tensorrt import SystemTensorRT

GOOD = SystemTensorRT("10.3", "3.10", visible=True, cuda_visible=True)


def steps(root: Path, tensorrt: SystemTensorRT = GOOD) -> dict[str, str]:
    jetson, cameras = read_jetson(root), read_cameras(root)
    assert jetson is not None
    advice = advise_jetson(jetson, tensorrt, read_memory(root), gstreamer_elements(root), cameras)
    return dict(advice)


def test_a_slow_power_mode_and_missing_tools_are_told_with_their_commands(tmp_path: Path) -> None:
    found = steps(orin_nano(tmp_path))
    do = found["power mode 15W is not the fastest, MAXN_SUPER"]
    assert do.startswith("sudo nvpmodel -m 2,")
    assert any("gstreamer1.0-tools" in step for step in found.values())
    assert len(found) == 2


def test_a_board_in_its_fastest_mode_is_left_alone_but_for_its_card(tmp_path: Path) -> None:
    (problem,) = steps(orin_nx(tmp_path))
    assert problem.startswith("swap on /dev/mmcblk1p2")


def test_the_argus_source_is_missed_only_where_there_is_a_sensor(tmp_path: Path) -> None:
    orin_nx(tmp_path)
    device = {"dev/video0": "", "sys/class/video4linux/video0/name": "vi-output, imx477 9-001a\n"}
    write(tmp_path, device)
    assert "GStreamer has no nvarguscamerasrc" in steps(tmp_path)


def test_the_first_thing_said_is_what_blocks(tmp_path: Path) -> None:
    missing = SystemTensorRT(None, None, visible=False, cuda_visible=False)
    assert next(iter(steps(agx_orin(tmp_path), missing))) == "TensorRT is not installed"


def test_little_memory_is_told(tmp_path: Path) -> None:
    orin_nx(tmp_path)
    write(tmp_path, {"proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 1500000 kB\n"})
    assert any(problem.startswith("1.5 GB of memory are free") for problem in steps(tmp_path))


def test_a_closed_camera_a_locked_counter_and_heat_are_told_on_any_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop(tmp_path)
    assert list(advise_any(tmp_path, read_cameras(tmp_path))) == []
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(rapl, "read_number", lambda path: None if "energy" in path.name else 1.0)
    write(tmp_path, zones({"x86_pkg_temp": "91000\n"}))
    steps = [one.do for one in advise_any(tmp_path, read_cameras(tmp_path))]
    assert [step.split(",")[0] for step in steps] == [
        'sudo usermod -aG video "$USER"',
        "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
        "free the air's way",
    ]


def test_a_virtual_machine_needs_nothing(tmp_path: Path) -> None:
    assert list(advise_any(virtual_machine(tmp_path), [])) == []
