from __future__ import annotations

from pathlib import Path

import pytest
from recorded_devices import (
    agx_orin,
    board,
    laptop,
    orin_nano,
    orin_nx,
    packages,
    virtual_machine,
    write,
)

from edgecv.device.jetson import Jetson, read_jetson


def read(root: Path) -> Jetson:
    found = read_jetson(root)
    assert found is not None
    return found


def test_an_orin_nano_is_known_with_its_module_and_its_system(tmp_path: Path) -> None:
    found = read(orin_nano(tmp_path))
    assert found.model.startswith("NVIDIA Jetson Orin Nano")
    assert (found.module, found.soc) == ("p3767-0005", "Orin")
    assert (found.l4t, found.jetpack) == ("36.4.3", "6.2")
    assert found.dla_cores == 0


def test_dla_cores_are_counted_once_on_whichever_bus_they_are(tmp_path: Path) -> None:
    assert read(orin_nx(tmp_path / "nx")).dla_cores == 2
    assert read(agx_orin(tmp_path / "agx")).dla_cores == 2


@pytest.mark.parametrize(
    ("release", "jetpack"),
    [("35", "5"), ("36", "6"), ("38", "7"), ("39", "7"), ("40", None)],
)
def test_without_its_package_jetpack_is_known_by_the_release(
    tmp_path: Path, release: str, jetpack: str | None
) -> None:
    files = board("NVIDIA Jetson X", "nvidia,tegra264", f"R{release} (release), REVISION: 2.1", 1)
    found = read(write(tmp_path, files))
    assert (found.l4t, found.jetpack, found.soc) == (f"{release}.2.1", jetpack, "Thor")


def test_in_a_container_the_packages_tell_the_release(tmp_path: Path) -> None:
    status = packages({"nvidia-l4t-core": "36.4.3-20250107174145"})
    tree = {"proc/device-tree/model": "NVIDIA Jetson Orin NX\0", "var/lib/dpkg/status": status}
    found = read(write(tmp_path, tree))
    assert (found.l4t, found.jetpack, found.module) == ("36.4.3", "6", None)


def test_a_board_that_tells_only_its_name_is_still_one(tmp_path: Path) -> None:
    found = read(write(tmp_path, {"proc/device-tree/model": "NVIDIA Jetson TX9\0"}))
    assert found.power_mode.current is None
    assert (found.module, found.soc, found.l4t, found.jetpack) == (None, None, None, None)


def test_what_is_no_jetson_is_none(tmp_path: Path) -> None:
    assert read_jetson(laptop(tmp_path / "laptop")) is None
    assert read_jetson(virtual_machine(tmp_path / "vm")) is None
