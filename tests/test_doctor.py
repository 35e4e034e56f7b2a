from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from recorded_devices import orin_nano, orin_nx, virtual_machine

from edgecv import doctor
from edgecv.engines import ENGINES
from edgecv.errors import pip_line

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def declared(extra: str) -> set[str]:
    """Distributions of an extra in pyproject.toml, without those of edgecv's other extras."""
    found = re.search(rf"^{extra} = \[(.*?)\]$", PYPROJECT.read_text("utf-8"), re.M | re.S)
    assert found, extra
    requirements = re.findall(r'"([^"]+)"', found.group(1))
    return {re.split(r"[^\w-]", item)[0] for item in requirements} - {"edgecv"}


@pytest.mark.parametrize("extra", doctor.EXTRAS)
def test_the_extras_are_those_of_the_project(extra: str) -> None:
    assert set(doctor.EXTRAS[extra]) == declared(extra)


def test_everything_is_examined_and_goes_into_json() -> None:
    found = json.loads(json.dumps(doctor.examine()))
    assert set(found["engines"]) == set(ENGINES)
    assert found["int8"]["cpu"] == doctor.int8_cpu()
    for name, extra in found["extras"].items():
        assert name == "tensorrt" or bool(extra["missing"]) == (extra["install"] is not None)


def test_what_is_installed_runs_and_has_a_version() -> None:
    import numpy as np
    import onnxruntime

    found = doctor.examine()
    assert found["engines"]["onnxruntime"]["run"] is True
    assert onnxruntime.__version__ in found["engines"]["onnxruntime"]["note"]
    assert found["machine"]["packages"]["numpy"] == np.__version__


def test_what_is_missing_comes_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "importable", lambda name: False)
    found = doctor.examine()
    assert found["engines"]["openvino"] == {
        "run": False,
        "build": False,
        "note": "not installed",
    }
    assert found["extras"]["openvino"]["install"] == pip_line("openvino")
    assert found["engines"]["tensorrt"]["note"].endswith("; no tensorrt-rtx to test its files")
    assert "tensorrt-rtx" in found["extras"]["compress"]["missing"]
    assert found["extras"]["openvino"]["missing"] == ["openvino"]
    assert found["engines"]["null"]["run"] is True


def test_a_package_of_the_system_without_metadata_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as TensorRT of JetPack: it can be imported, and pip does not know it
    (tmp_path / "edgecv_system_package.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    extra = doctor._extra("x", {"no-such-distribution": "edgecv_system_package"})
    assert extra["installed"] == {"no-such-distribution": "unknown"}
    assert extra["missing"] == []


def test_a_machine_is_described_by_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    (tmp_path / "dev" / "video0").touch()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text("flags: avx2 avx_vnni", "utf-8")
    found = doctor.examine(tmp_path)
    assert found["gpu"]["present"] is True
    assert [camera["device"] for camera in found["cameras"]] == ["/dev/video0"]
    assert found["machine"]["isa"] == ["avx2", "avx_vnni"]


def test_a_jetson_is_examined_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecv.device.system_tensorrt.importable", lambda name: False)
    found = json.loads(json.dumps(doctor.examine(orin_nano(tmp_path))))
    assert found["jetson"] == {
        "model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        "module": "p3767-0005",
        "soc": "Orin",
        "l4t": "36.4.3",
        "jetpack": "6.2",
        "power_mode": "15W",
        "fastest_power_mode": "MAXN_SUPER",
        "dla_cores": 0,
        "tensorrt": "10.3.0.30",
        "gstreamer": None,
    }
    assert found["memory"]["zram_gb"] == 4.0
    assert [camera["source"] for camera in found["cameras"]] == ["csi://0", "v4l2:///dev/video1"]
    first = found["advice"][0]
    assert first["problem"].startswith("TensorRT 10.3.0.30 is for Python 3.10") or (
        "does not see" in first["problem"]
    )
    assert found["engines"]["tensorrt"]["note"] == f"{first['problem']}: {first['do']}"


def test_no_jetson_is_sent_to_the_registry_for_tensorrt(tmp_path: Path) -> None:
    assert doctor.examine(orin_nx(tmp_path))["extras"]["tensorrt"]["install"] is None


@pytest.mark.parametrize("gpu", [False, True])
def test_only_a_machine_with_a_gpu_is_sent_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool
) -> None:
    monkeypatch.setattr(doctor, "importable", lambda name: False)
    (tmp_path / "dev").mkdir()
    if gpu:
        (tmp_path / "dev" / "nvidia0").touch()
    told = doctor.examine(tmp_path)["extras"]["tensorrt"]["install"]
    assert told == (pip_line("tensorrt") if gpu else None)


def test_a_virtual_machine_has_no_advice(tmp_path: Path) -> None:
    found = doctor.examine(virtual_machine(tmp_path))
    assert (found["jetson"], found["cameras"], found["advice"]) == (None, [], [])


def test_gpu_names_are_those_of_the_drivers_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    tool.write_text("#!/bin/sh\nprintf 'NVIDIA A2\\nNVIDIA T4\\n'\n", "utf-8")
    tool.chmod(0o755)
    assert doctor.gpu_names() == ["NVIDIA A2", "NVIDIA T4"]
    tool.write_text("#!/bin/sh\necho no driver; exit 9\n", "utf-8")
    assert doctor.gpu_names() == []
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert doctor.gpu_names() == []
