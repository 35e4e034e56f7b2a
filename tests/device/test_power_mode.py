from __future__ import annotations

from pathlib import Path

import pytest
from recorded_devices import agx_orin, mode, orin_nano, orin_nx, write

from edgecv.device.power_mode import UNLIMITED, PowerMode, power_mode


def names(found: PowerMode) -> tuple[str | None, str | None]:
    return tuple(one.name if one else None for one in (found.current, found.fastest))  # type: ignore[return-value]


def test_the_mode_that_is_set_is_told_beside_the_fastest(tmp_path: Path) -> None:
    found = power_mode(orin_nano(tmp_path))
    assert names(found) == ("15W", "MAXN_SUPER")
    assert found.current is not None
    assert (found.current.cores, found.current.gpu_hz) == (6, 612e6)
    assert found.fastest is not None
    assert (found.fastest.number, found.fastest.gpu_hz) == (2, UNLIMITED)


def test_a_status_with_a_fan_mode_is_read(tmp_path: Path) -> None:
    assert names(power_mode(orin_nx(tmp_path))) == ("MAXN", "MAXN")


def test_before_it_was_ever_set_the_default_is_the_mode(tmp_path: Path) -> None:
    assert names(power_mode(agx_orin(tmp_path))) == ("MODE_30W", "MAXN")


@pytest.mark.parametrize(
    ("modes", "fastest"),
    [
        (mode(0, "15W", 4, 1000, 600) + mode(1, "25W", 4, 900, 900), "25W"),
        (mode(0, "A", 4, 1000, 600) + mode(1, "B", 6, 900, 600), "B"),
        (mode(0, "A", 4, 1000, 600) + mode(1, "B", 4, 900, 600), "A"),
        ("< POWER_MODEL ID=0 NAME=7W >\n< POWER_MODEL ID=1 NAME=15W >\n", "15W"),
        ("< POWER_MODEL ID=0 NAME=40W >\n< POWER_MODEL ID=1 NAME=MAXN >\n", "MAXN"),
    ],
    ids=["gpu", "cores", "cpu", "watts in the name", "maxn"],
)
def test_the_fastest_is_neither_the_first_nor_the_last(
    tmp_path: Path, modes: str, fastest: str
) -> None:
    assert names(power_mode(write(tmp_path, {"etc/nvpmodel.conf": modes})))[1] == fastest


def test_a_mode_that_the_catalogue_lacks_is_told_by_its_number(tmp_path: Path) -> None:
    write(tmp_path, {"var/lib/nvpmodel/status": "pmode:0009\n"})
    assert names(power_mode(tmp_path)) == ("mode 9", None)


def test_without_the_files_nothing_is_known(tmp_path: Path) -> None:
    assert power_mode(tmp_path) == PowerMode(None, None)
