from __future__ import annotations

import pytest

from edgecv.device.system_tensorrt import SystemTensorRT
from edgecv.engines import tensorrt
from edgecv.engines.tensorrt import installing
from edgecv.errors import pip_line

MODULE = "edgecv.engines.tensorrt.installing"


@pytest.fixture
def jetson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.jetson_model", lambda: "NVIDIA Jetson Orin Nano")


def test_a_pc_takes_tensorrt_from_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.jetson_model", lambda: None)
    assert installing.how_to_install() == pip_line("tensorrt")


@pytest.mark.usefixtures("jetson")
@pytest.mark.parametrize(
    ("found", "told"),
    [
        (SystemTensorRT(None, None, False, False), "sudo apt install nvidia-jetpack"),
        (SystemTensorRT("10.3.0.30", "3.10", True, False), "'cuda-python>=12.6,<13'"),
        (SystemTensorRT("10.13.3.9", "3.12", True, False), "'cuda-python>=13,<14'"),
        (SystemTensorRT("10.3.0.30", None, True, True), "edgecv doctor"),
    ],
    ids=["nothing", "JetPack 6 alone", "JetPack 7 alone", "all"],
)
def test_a_jetson_is_never_sent_to_the_registry_for_tensorrt(
    monkeypatch: pytest.MonkeyPatch, found: SystemTensorRT, told: str
) -> None:
    monkeypatch.setattr(f"{MODULE}.system_tensorrt", lambda: found)
    assert told in installing.how_to_install()
    assert "edgecv[tensorrt]" not in installing.how_to_install()
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: True)
    monkeypatch.setattr("edgecv.engines.tensorrt.importable", lambda name: False)
    assert told in str(tensorrt.why_not_here())
