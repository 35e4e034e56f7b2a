from __future__ import annotations

from pathlib import Path

from recorded_devices import packages, write

from edgecv.device.packages import STATUS, installed_packages


def test_installed_packages_have_their_versions(tmp_path: Path) -> None:
    write(tmp_path, {STATUS: packages({"libnvinfer10": "10.3.0.30-1+cuda12.5", "b": "2:1"})})
    assert installed_packages(tmp_path) == {"libnvinfer10": "10.3.0.30-1+cuda12.5", "b": "2:1"}


def test_what_was_removed_and_left_its_settings_is_not_installed(tmp_path: Path) -> None:
    gone = "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n"
    half = "Package: b\nStatus: install ok half-installed\nVersion: 1\n"
    write(tmp_path, {STATUS: f"{gone}\n{half}\n"})
    assert installed_packages(tmp_path) == {}


def test_a_system_without_dpkg_has_no_packages(tmp_path: Path) -> None:
    assert installed_packages(tmp_path) == {}


def test_debian_is_read_as_it_is() -> None:
    here = installed_packages()
    if Path("/", STATUS).is_file():
        assert here["dpkg"]
