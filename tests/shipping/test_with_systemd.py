"""Unit and deployment under a real systemd: started, killed, hung, replaced, rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from real_systemd import Systemd, real_systemd
from small_videos import null_bundle
from ssh_server import Device

from edgecv.bundle import Bundle
from edgecv.cli import deploy, service
from edgecv.errors import EdgecvError
from edgecv.shipping.keys import make_key, public_file, read_private
from edgecv.shipping.signature import sign

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systemd]:
    with real_systemd(tmp_path_factory.mktemp("systemd")) as running:
        yield running


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    # edgecv is found there, also where it is not installed
    monkeypatch.chdir(ROOT)


def call(command: object, *arguments: object) -> str:
    given = [str(argument) for argument in arguments]
    return (
        CliRunner()
        .invoke(
            command,
            given,
            catch_exceptions=False,
            standalone_mode=False,  # type: ignore[arg-type]
        )
        .stdout
    )


def install(systemd: Systemd, bundle: Path, *options: str, source: str = "conveyor://") -> None:
    """Install the service, with less patience than a camera needs."""
    call(service.command, "install", bundle, "--source", source, *options,
         "--folder", systemd.units, "--yes")  # fmt: skip
    path = systemd.units / "edgecv.service"
    text = path.read_text()
    for patient, quick in (
        ("WatchdogSec=60", "WatchdogSec=3"),
        ("RestartSec=10", "RestartSec=1"),
        ("TimeoutStartSec=300", "TimeoutStartSec=30"),
    ):
        text = text.replace(patient, quick)
    path.write_text(text)
    systemd.ctl("daemon-reload")


def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


@pytest.mark.slow
def test_a_service_is_ready_comes_back_when_killed_or_hung_and_ends_well(
    systemd: Systemd, tmp_path: Path
) -> None:
    install(systemd, null_bundle(tmp_path / "bundle").folder)
    systemd.ctl("start", "edgecv")  # waits for the first result
    assert systemd.show("edgecv", "ActiveState") == "active"
    first = systemd.show("edgecv", "MainPID")

    systemd.ctl("kill", "--signal=KILL", "edgecv")
    until(lambda: systemd.show("edgecv", "NRestarts") == "1")
    until(lambda: systemd.show("edgecv", "ActiveState") == "active")
    assert systemd.show("edgecv", "MainPID") != first

    systemd.ctl("kill", "--signal=STOP", "edgecv")
    until(lambda: systemd.show("edgecv", "Result") == "watchdog")
    until(lambda: systemd.show("edgecv", "ActiveState") == "active")

    systemd.ctl("stop", "edgecv")
    assert systemd.show("edgecv", "Result") == "success"
    assert systemd.show("edgecv", "ExecMainStatus") == "0"


@pytest.mark.slow
def test_a_service_without_its_camera_is_up_and_its_password_is_seen_by_nobody(
    systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.cli._service_parts.ENVIRONMENT", tmp_path / "etc")
    own = r"""me:"a'\b`$c %40;"""
    install(systemd, null_bundle(tmp_path / "bundle").folder, source=f"rtsp://{own}@127.0.0.1:1/d")
    systemd.ctl("start", "edgecv")  # nothing listens at port 1
    assert systemd.show("edgecv", "ActiveState") == "active"
    time.sleep(5)  # past the watchdog's three seconds
    assert systemd.show("edgecv", "NRestarts") == "0"
    assert systemd.show("edgecv", "StatusText") == "0 frames; waiting for 127.0.0.1-d"
    process = f"/proc/{systemd.show('edgecv', 'MainPID')}"
    seen = systemd.ctl("show", "edgecv") + systemd.read(f"{process}/cmdline")
    assert "rtsp://${EDGECV_SECRET_1}@127.0.0.1:1/d" in seen
    assert "me:" not in seen
    assert f"EDGECV_SECRET_1={own}\0" in systemd.read(f"{process}/environ")
    systemd.ctl("stop", "edgecv")


@pytest.mark.slow
def test_a_service_trusts_the_keys_that_were_trusted_when_it_was_installed(
    systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "signing.key"
    make_key(key)
    bundle = null_bundle(tmp_path / "bundle")
    sign(bundle, read_private(key))
    monkeypatch.setenv("EDGECV_TRUSTED_KEYS", str(public_file(key)))
    install(systemd, bundle.folder)
    systemd.ctl("start", "edgecv")
    systemd.ctl("stop", "edgecv")
    bundle.path("added").touch()
    with pytest.raises(AssertionError, match="failed"):
        systemd.ctl("start", "edgecv")
    systemd.ctl("stop", "edgecv")


@pytest.mark.slow
def test_a_version_with_which_the_service_does_not_come_up_is_rolled_back(
    systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.shipping.place.SETTLE_S", 0.5)
    device = Device(tmp_path / "device")
    device.add_program("systemctl", f'exec {" ".join(systemd.inside)} /bin/systemctl "$@"')
    bundle = null_bundle(tmp_path / "bundle")
    name = bundle.spec.class_names[0]
    with device.serving():
        to_device = (bundle.folder, *device.arguments, "--remote-command", "quick")
        call(deploy.command, *to_device)
        first = device.current()
        install(systemd, device.place / "current", "--classes", name)
        systemd.ctl("start", "edgecv")

        # of a network that does not know the class, which only the service asks for
        other = Bundle.open(bundle.folder)
        names = ("another", *other.spec.class_names[1:])
        other.update(spec=other.spec.model_copy(update={"class_names": names}))
        other.save()
        with pytest.raises(EdgecvError, match=rf"does not come up.*versions/{first} is live"):
            call(deploy.command, *to_device)
        assert device.current() == first
        assert systemd.show("edgecv", "ActiveState") == "active"
    systemd.ctl("stop", "edgecv")
