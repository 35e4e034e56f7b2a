from __future__ import annotations

from pathlib import Path

from recorded_devices import TOOL, orin_nano, orin_nx, write

from edgecv.device.gstreamer import gstreamer_elements


def test_gstreamer_itself_says_which_elements_load(tmp_path: Path) -> None:
    found = gstreamer_elements(orin_nx(tmp_path))
    assert found == {"nvv4l2decoder": True, "nvarguscamerasrc": False, "nvvidconv": True}


def test_a_tool_that_cannot_run_knows_no_element(tmp_path: Path) -> None:
    write(tmp_path, {TOOL: "#!/nowhere/sh\n"})
    (tmp_path / TOOL).chmod(0o755)
    found = gstreamer_elements(tmp_path)
    assert found is not None
    assert set(found.values()) == {False}


def test_without_its_tools_nothing_is_known(tmp_path: Path) -> None:
    assert gstreamer_elements(orin_nano(tmp_path)) is None
