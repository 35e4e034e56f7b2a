from __future__ import annotations

import getpass
import os
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from signed_bundles import own_config
from small_videos import null_bundle

from edgecv.cli import _service_parts as parts
from edgecv.cli.service import command
from edgecv.errors import BundleError, EdgecvError, UsageError
from edgecv.shipping.unit import MARK


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUDO_USER", raising=False)
    return own_config(tmp_path / "config", monkeypatch)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return null_bundle(tmp_path / "bundle").folder


@pytest.fixture
def units(tmp_path: Path) -> Path:
    (tmp_path / "units").mkdir()
    return tmp_path / "units"


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in systemctl's place, since systemd runs on no build machine; gives its log."""
    program, log = tmp_path / "bin" / "systemctl", tmp_path / "systemctl.log"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{log}\ncase $1 in\n'
        "--version) echo 'systemd 255 (255.4)';;\n"
        "show) [ -f state ] && cat state || echo LoadState=not-found;;\n"
        "*) [ -f fails ] && echo 'Access denied' >&2 && exit 4; exit 0;;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(parts, "systemd_runs", lambda: True)
    return log


def call(*arguments: object) -> Result:
    given = [str(argument) for argument in arguments]
    return CliRunner().invoke(command, given, catch_exceptions=False, standalone_mode=False)


def test_the_unit_is_printed_and_nothing_is_written(bundle: Path, units: Path) -> None:
    told = call("install", bundle, "--source", "0", "--folder", units, "--print").stdout
    assert told.startswith(MARK)
    (line,) = [line for line in told.splitlines() if line.startswith("ExecStart=")]
    assert line.endswith(f" run {bundle} --source 0")
    assert f"User={getpass.getuser()}" in told
    assert f"WorkingDirectory={Path.cwd()}" in told
    assert list(units.iterdir()) == []


def test_the_unit_is_shown_and_written_and_the_next_steps_are_said(
    bundle: Path, units: Path
) -> None:
    install = ("install", bundle, "--source", "0", "--folder", units, "--name", "door", "--yes")
    told = call(*install, "--memory-max", "1500M").stdout
    path = units / "door.service"
    assert told.startswith(path.read_text())
    assert "systemctl daemon-reload && sudo systemctl enable --now door" in told
    assert "MemoryMax=1500M" in path.read_text()
    assert "EDGECV_CACHE=%C/door" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644
    # again, with other options: its own unit is replaced
    call(*install, "--tracker", "none")
    assert "--tracker none" in path.read_text()


def test_a_link_to_a_bundle_stays_a_link(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(bundle)
    told = call("install", "current", "--source", "0", "--print").stdout
    assert f" run {tmp_path}/current --source 0" in told


def test_a_unit_with_a_password_is_for_root_alone(bundle: Path, units: Path) -> None:
    url = "rtsp://user:secret@camera/stream"
    call("install", bundle, "--source", url, "--folder", units, "--yes")
    assert (units / "edgecv.service").stat().st_mode & 0o777 == 0o600


def test_folders_that_are_written_to_are_allowed(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    options = ("--jsonl", "out/o.jsonl", "--crops", "out", "--mot", "-")
    told = call("install", bundle, "--source", "csi://0", *options, "--print").stdout
    assert f"ReadWritePaths={tmp_path}/out /tmp\n" in told
    with pytest.raises(UsageError, match="absent: no such folder"):
        call("install", bundle, "--source", "0", "--save", "absent/o.mp4", "--print")


@pytest.mark.parametrize(
    ("word", "source", "needed"),
    [
        ("/home/me/bundle", "0", False),
        ("/home/tmp/bundle", "rtsp://camera/tmp/", False),
        ("/tmp/bundle", "0", True),  # noqa: S108
        ("/home/me/bundle", "csi://0", True),
        ("/home/me/bundle", "gst:nvarguscamerasrc", True),
    ],
)
def test_a_tmp_of_its_own_is_for_those_who_need_nothing_there(
    monkeypatch: pytest.MonkeyPatch, word: str, source: str, needed: bool
) -> None:
    monkeypatch.chdir("/")
    assert parts.needs_tmp(("/usr/bin/edgecv", "run", word), (source,)) is needed


def test_nobody_is_asked_where_there_is_nobody(bundle: Path, units: Path) -> None:
    with pytest.raises(UsageError, match=r"nobody here to ask\. Add --yes"):
        call("install", bundle, "--source", "0", "--folder", units)
    assert list(units.iterdir()) == []


def test_a_unit_of_somebody_else_is_left_alone(bundle: Path, units: Path) -> None:
    (units / "edgecv.service").write_text("[Unit]\n")
    with pytest.raises(UsageError, match="not of edgecv"):
        call("install", bundle, "--source", "0", "--folder", units, "--yes")
    with pytest.raises(UsageError, match="not of edgecv"):
        call("uninstall", "--folder", units, "--yes")
    assert (units / "edgecv.service").read_text() == "[Unit]\n"


def test_a_folder_that_cannot_be_written_to_is_told(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent.*cannot be written.*sudo"):
        call("install", bundle, "--source", "0", "--folder", tmp_path / "absent", "--yes")


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ((), click.UsageError, "sources"),
        (("--source", "0", "--sauce", "1"), click.UsageError, "--sauce"),
        (("--source", "0", "--show"), UsageError, "no window"),
        (("--source", "0", "--memory-max", "lots"), UsageError, "expected such as 2G"),
        (("--source", "0", "--user", "no-such-user"), UsageError, "no such user"),
        (("--source", "0", "--name", "a/b"), click.UsageError, "letters, digits"),
    ],
)
def test_options_are_checked_before_they_are_written(
    bundle: Path, options: tuple[str, ...], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        call("install", bundle, *options, "--print")


def test_the_bundle_comes_first_and_is_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no manifest"):
        call("install", tmp_path, "--source", "0", "--print")
    with pytest.raises((UsageError, click.UsageError)):
        call("install", "--source", "0", "--print")


def test_status_tells_what_systemd_knows(systemctl: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no service edgecv\. Make it"):
        call("status")
    (tmp_path / "state").write_text(
        "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nNRestarts=2\n"
        "MemoryCurrent=123456789\nActiveEnterTimestamp=Mon 09:00\nStatusText=17 frames\n"
    )
    result = call("status", "--name", "door")
    assert result.return_value == 0
    assert result.stdout.splitlines() == [
        "service   door, active (running)",
        "since     Mon 09:00",
        "says      17 frames",
        "restarts  2",
        "memory    123 MB",
    ]
    (tmp_path / "state").write_text(
        "LoadState=loaded\nActiveState=failed\nResult=watchdog\nMemoryCurrent=[not set]\n"
    )
    result = call("status")
    assert result.return_value == 1
    assert "last end  watchdog" in result.stdout
    assert "memory" not in result.stdout


def test_status_without_systemd_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EdgecvError, match="no systemctl here"):
        call("status")
    assert parts.systemd_version() == 0


def test_uninstall_stops_the_service_and_removes_its_unit(
    bundle: Path, units: Path, systemctl: Path
) -> None:
    call("install", bundle, "--source", "0", "--folder", units, "--yes")
    assert "RestartSteps" in (units / "edgecv.service").read_text()  # version 255
    Path("fails").touch()
    with pytest.raises(EdgecvError, match="cannot be stopped: Access denied"):
        call("uninstall", "--folder", units, "--yes")
    assert (units / "edgecv.service").exists()
    Path("fails").unlink()
    assert "Removed" in call("uninstall", "--folder", units, "--yes").stdout
    assert list(units.iterdir()) == []
    assert "disable --now edgecv" in systemctl.read_text().splitlines()
    with pytest.raises(UsageError, match="no such unit"):
        call("uninstall", "--folder", units, "--yes")


def test_the_version_of_systemd_is_read() -> None:
    told = subprocess.run(["sh", "-c", "systemctl --version || true"], capture_output=True)
    assert (parts.systemd_version() > 200) == told.stdout.startswith(b"systemd")
