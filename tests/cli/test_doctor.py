from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from recorded_devices import agx_orin, orin_nano, orin_nx

from edgecv import doctor
from edgecv.cli.doctor import command

KEYS = {
    *("machine", "int8", "gpu", "memory", "cameras", "jetson", "engines", "extras", "advice"),
}


def output(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_text_has_eighty_columns_and_json_every_part() -> None:
    told = output()
    assert max(map(len, told.splitlines())) <= 80
    for word in ("CPU", "int8", "NVIDIA", "openvino", "tensorrt"):
        assert word in told
    assert set(json.loads(output("--json"))) == KEYS


@pytest.mark.parametrize("device", [orin_nano, orin_nx, agx_orin])
def test_a_jetson_is_told_in_eighty_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: object
) -> None:
    found = doctor.examine(device(tmp_path))  # type: ignore[operator]
    monkeypatch.setattr("edgecv.cli.doctor.examine", lambda: found)
    told = output()
    assert max(map(len, told.splitlines())) <= 80
    assert told.startswith("board     NVIDIA Jetson")
    lines = {line.split()[0]: line for line in told.splitlines() if line[:1].isalpha()}
    assert found["jetson"]["l4t"] in lines["JetPack"]
    assert found["jetson"]["power_mode"] in lines["power"]
    for one in found["advice"]:
        assert one["do"].split()[0] in told
    assert "edgecv[tensorrt]" not in told
