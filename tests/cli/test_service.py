from __future__ import annotations

import getpass
import json
import os
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from signed_bundles import own_config, signed_bundle
from small_videos import null_bundle

from edgecv.bundle import Bundle, Variant
from edgecv.cli import _service_parts as parts
from edgecv.cli.service import command
from edgecv.errors import BundleError, DataError, EdgecvError, UsageError
from edgecv.runtime.sources.conveyor import find as find_conveyor
from edgecv.shipping.built import DEVICE_KEY, new_folder, save_built
from edgecv.shipping.keys import make_key, read_private
from edgecv.shipping.signature import sign
from edgecv.shipping.trust import open_bundle
from edgecv.shipping.unit import MARK


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(parts, "ENVIRONMENT", tmp_path / "etc")
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


def test_a_password_stands_in_a_file_for_root_and_in_no_unit(
    bundle: Path, units: Path, tmp_path: Path
) -> None:
    urls = ("--source=rtsp://me:se@cret@camera/stream", "--mqtt", 'mqtts://plant:"$x@broker/t')
    source = ("--source", "rtsp://other/stream")
    result = call("install", bundle, *urls, *source, "--folder", units, "--yes")
    path, kept = units / "edgecv.service", tmp_path / "etc/edgecv.env"
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("ExecStart=")]
    assert line.endswith(
        " --source=rtsp://$${EDGECV_SECRET_1}@camera/stream --mqtt "
        "mqtts://$${EDGECV_SECRET_2}@broker/t --source rtsp://other/stream"
    )
    assert path.stat().st_mode & 0o777 == 0o644
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == ('EDGECV_SECRET_1="me:se@cret"\nEDGECV_SECRET_2="plant:\\"\\$x"\n')
    assert f"{kept}, mode 600:\nEDGECV_SECRET_1=me:***\nEDGECV_SECRET_2=plant:***" in result.stderr
    assert "@cret" not in result.output + path.read_text()


def test_other_lines_of_that_file_stay(bundle: Path, units: Path, tmp_path: Path) -> None:
    kept = tmp_path / "etc/edgecv.env"
    kept.parent.mkdir()
    kept.write_text("# mine\nEDGECV_TOKEN=0123456789abcdef\n")
    install = ("install", bundle, "--folder", units, "--yes", "--source")
    for url, secret in (
        ("rtsp://first@camera/", "first"),
        ("rtsp://second@camera/", "second"),
        ("rtsp://camera/", None),
    ):
        call(*install, url)
        own = f'EDGECV_SECRET_1="{secret}"\n' if secret else ""
        assert kept.read_text() == f"# mine\nEDGECV_TOKEN=0123456789abcdef\n{own}"
        assert kept.stat().st_mode & 0o777 == 0o600
    kept.unlink()
    call(*install, "rtsp://first@camera/")
    call("uninstall", "--folder", units, "--yes")
    assert list(kept.parent.iterdir()) == []


def test_a_variable_that_the_file_lacks_is_told(bundle: Path, tmp_path: Path) -> None:
    kept = tmp_path / "etc/edgecv.env"
    options = ("--source", "rtsp://me:${CAMERA}@door/", "--serve", "0.0.0.0:8080", "--print")
    told = call("install", bundle, *options)
    assert " --source rtsp://me:$${CAMERA}@door/ " in told.stdout
    for name in ("CAMERA", "EDGECV_TOKEN"):
        assert f"{kept}: has to have a line {name}=VALUE, mode 600" in told.stderr
    kept.parent.mkdir()
    kept.write_text("CAMERA=secret\nEDGECV_TOKEN=0123456789abcdef\n")
    assert call("install", bundle, *options).stderr == ""


def test_what_decides_who_is_trusted_is_passed_on(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "config" / "signing.key"
    make_key(key)
    sign(Bundle.open(bundle), read_private(key))
    monkeypatch.setenv("EDGECV_TRUSTED_KEYS", "config/signing.key.pub")
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("XDG_CONFIG_DIRS", "/etc/xdg/a:b")
    told = call("install", bundle, "--source", "rtsp://camera/", "--print").stdout
    assert (
        f"Environment=EDGECV_CACHE=%C/edgecv EDGECV_TRUSTED_KEYS={key}.pub "
        f"XDG_CONFIG_DIRS=/etc/xdg/a:{tmp_path}/b\n"
    ) in told


@pytest.mark.parametrize("name", parts.TRUST)
def test_keys_in_tmp_are_seen_by_the_service(
    name: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in parts.TRUST:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.chdir("/")
    monkeypatch.setattr(parts, "_program", lambda: ("/usr/bin/edgecv",))
    for keys, private in (("", True), ("/etc/keys", True), ("/etc/keys:/tmp/keys", False)):
        monkeypatch.setenv(name, keys)
        made = parts.service_of(Path("/srv/bundle"), ("--source", "0"), "edgecv", None, "75%")
        assert made.private_tmp is private


def test_a_bundle_that_another_user_built_on_is_installed(
    tmp_path: Path, config: Path, units: Path
) -> None:
    bundle = signed_bundle(tmp_path / "signed")
    into = new_folder()
    built = bundle.path(f"{into}/model.onnx")
    built.parent.mkdir(parents=True)
    built.write_bytes(bundle.path("model.onnx").read_bytes())
    name = built.relative_to(bundle.folder).as_posix()
    bundle.add_variants(
        Variant(name="onnxruntime-int8", engine="onnxruntime", precision="int8", file=name)
    )
    save_built(bundle, into)
    (config / DEVICE_KEY).write_bytes(b"of somebody else")
    with pytest.raises(BundleError, match="not built by this user"):
        open_bundle(bundle.folder)
    install = ("install", bundle.folder, "--source", "rtsp://camera/", "--print", "--engine")
    assert call(*install, "onnxruntime-int8").stdout.startswith(MARK)
    bundle.path("model.onnx").write_bytes(b"another")
    with pytest.raises(BundleError, match=r"model\.onnx is changed"):
        call(*install, "onnxruntime-int8")


def test_folders_that_are_written_to_are_allowed(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(
        "edgecv.runtime.sources.gstreamer.find_csi", lambda text: find_conveyor("conveyor://")
    )
    options = ("--jsonl", "out/o.jsonl", "--crops", "out", "--mot", "-")
    told = call("install", bundle, "--source", "csi://0", *options, "--print").stdout
    assert f"ReadWritePaths={tmp_path}/out /tmp\n" in told
    with pytest.raises(UsageError, match="there is no folder absent"):
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
        ((), UsageError, r"Add --source 0 for .* or --source rtsp://"),
        (("--source", "0", "--sauce", "1"), click.UsageError, "--sauce"),
        (("--source", "0", "--show"), UsageError, "no window"),
        (("--source", "0", "--engine", "nonsense"), BundleError, "no variant nonsense"),
        (("--source", "0", "--zones", "nofile.json"), UsageError, "nofile.json: cannot be read"),
        (("--source", "0", "--fps", "3", "--tracker", "none"), UsageError, "drop --tracker none"),
        (("--source", "0", "--fps", "nan"), click.UsageError, "finite number"),
        (("--source", "0", "--policy", "newest"), UsageError, "expected latest"),
        (("--source", "0", "--classes", "unicorn"), UsageError, "no class 'unicorn'"),
        (("--source", "0", "--metrics", "here"), UsageError, "--metrics here: expected HOST:PORT"),
        (("--source", "0", "--mqtt", "http://broker"), UsageError, "--mqtt: expected"),
        (("--source", "0", "--jsonl", "-", "--json"), UsageError, "both write to stdout"),
        (("--source", "smb://camera/"), UsageError, "no source 'smb:'"),
        (("--source", "nofile.mp4"), DataError, "nofile.mp4: no such file"),
        (("--source", "0", "--source", "no*.mp4"), DataError, "no file has such a name"),
        (("--source", "rtsp://me:[@camera/"), UsageError, "malformed"),
        (("--source", "rtsp://a:\t@b/"), UsageError, "control character before its @"),
        (("--source", "0", "--user", "no-such-user"), UsageError, "no such user"),
        (("--source", "0", "--name", "a/b"), click.UsageError, "letters, digits"),
    ],
)
def test_options_are_checked_before_they_are_written(
    bundle: Path, options: tuple[str, ...], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        call("install", bundle, *options, "--print")


@pytest.mark.parametrize("limit", ["1%", "100%", "1.5G", "1500M", "infinity"])
def test_a_limit_of_memory_is_passed_on(bundle: Path, limit: str) -> None:
    told = call("install", bundle, "--source", "0", "--memory-max", limit, "--print").stdout
    assert f"MemoryMax={limit}\n" in told


@pytest.mark.parametrize(
    "limit", ["lots", "150%", "0%", "0M", "0.0G", "1.5%", "-1G", "2GB", "9" * 9]
)
def test_a_limit_that_systemd_would_pass_over_is_refused(bundle: Path, limit: str) -> None:
    with pytest.raises(click.BadParameter, match="expected such as 2G"):
        call("install", bundle, "--source", "0", "--memory-max", limit, "--print")


def test_zones_are_checked_against_the_sources_that_are_known(bundle: Path, tmp_path: Path) -> None:
    zone = {"name": "lawn", "points": [[0, 0], [9, 0], [9, 9]], "source": "video77"}
    Path("zones.json").write_text(json.dumps({"size": [64, 48], "zones": [zone]}))
    install = ("install", bundle, "--zones", "zones.json", "--print", "--source")
    # a camera that is not plugged in has no name yet
    told = call(*install, "77")
    assert "note: /dev/video77: not here now; the service tries again until it is" in told.stderr
    assert call(*install, "${CAMERA}").stdout.startswith(MARK)
    with pytest.raises(UsageError, match="no source 'video77'"):
        call(*install, "rtsp://camera/")


def test_a_working_folder_cannot_add_lines_to_the_unit(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a\nUser=root").mkdir()
    monkeypatch.chdir(tmp_path / "a\nUser=root")
    with pytest.raises(UsageError, match="which a unit cannot"):
        call("install", bundle, "--source", "0", "--print")


def test_a_unit_that_is_no_text_is_of_somebody_else(bundle: Path, units: Path) -> None:
    (units / "edgecv.service").write_bytes(b"\xff\xfe[Unit]")
    for words in (("install", bundle, "--source", "0"), ("uninstall",)):
        with pytest.raises(UsageError, match="not of edgecv"):
            call(*words, "--folder", units, "--yes")


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
