from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psutil
import pytest
from broker import free_port
from click.testing import CliRunner, Result
from signed_bundles import own_config, trust
from small_videos import null_bundle
from ssh_server import Device

from edgecv.bundle import Bundle, Variant
from edgecv.cli.deploy import command, service_name
from edgecv.errors import BundleError, EdgecvError, UsageError
from edgecv.shipping import place
from edgecv.shipping.keys import config_folder, make_key, read_private
from edgecv.shipping.signature import sign

OLD = [f"2026010{day}-120000-0123456789ab" for day in (1, 2, 3)]

# edgecv in a process of its own, which does not wait whether a service stays up
AT_ONCE = """\
from edgecv.cli import main
from edgecv.shipping import place
place.SETTLE_S = 0.0
main()
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    device = Device(tmp_path_factory.mktemp("device"))
    with device.serving():
        yield device


@pytest.fixture
def device(served: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A device without any bundle, and this user's configuration without keys."""
    own_config(tmp_path / "config", monkeypatch)
    monkeypatch.setattr(place, "SETTLE_S", 0.0)
    shutil.rmtree(served.place, ignore_errors=True)
    files = ("unit", "works", "falls", "restarts", "slow", "since", "no-bus", "systemctl.log")
    for name in (*files, "config"):
        path = served.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    served.trust_host("host")
    return served


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return null_bundle(tmp_path / "bundle").folder


def deploy(device: Device, bundle: Path, *options: str) -> Result:
    arguments = [str(bundle), *device.arguments, *options]
    return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


def quickly(device: Device, bundle: Path, *options: str) -> dict:
    """Deploy without a real run; gives what is printed as JSON."""
    told = deploy(device, bundle, "--remote-command", "quick", "--json", *options).stdout
    return json.loads(told)


@contextmanager
def started(
    device: Device, bundle: Path, *options: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A deployment in a process of its own, killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", AT_ONCE, "deploy", str(bundle), *device.arguments,
         *(options or ("--remote-command", "quick"))],
        env={**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path)), **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def live(device: Device) -> str:
    """Make a version live, as an earlier deployment would have left it."""
    (device.place / "versions" / OLD[-1]).mkdir(parents=True, exist_ok=True)
    (device.place / "current").symlink_to(f"versions/{OLD[-1]}")
    return OLD[-1]


def serve_with_systemd(device: Device) -> None:
    (device.folder / "unit").write_text(f"edgecv run {device.place}/current --source 0")


def test_a_bundle_arrives_is_tried_and_goes_live(device: Device, bundle: Path) -> None:
    result = deploy(device, bundle)
    for step in ("copying 0.0 MB", "trying it on 10 frames of conveyor://", "no service edgecv"):
        assert step in result.stderr
    assert f"127.0.0.1:{device.place}/current is versions/" in result.stdout
    assert "the test ran null-fp32 with" in result.stdout
    (version,) = device.versions()
    assert device.current() == version
    arrived = Bundle.open(device.place / "current")
    assert arrived.manifest == Bundle.open(bundle).manifest
    assert arrived.verify() == []


def test_old_versions_stay_but_not_all_and_other_services_are_left_alone(
    device: Device, bundle: Path
) -> None:
    live(device)
    for name in (*OLD[:2], "mine"):
        (device.place / "versions" / name).mkdir()
    (device.folder / "unit").write_text("edgecv run /other/current --source 0")
    told = quickly(device, bundle, "--keep", "1")
    assert told["removed"] == OLD[:2]
    assert device.versions() == sorted([OLD[2], device.current(), "mine"])
    assert told["service"] is None
    # nothing of the work is left beside
    assert sorted(path.name for path in device.place.iterdir()) == [".lock", "current", "versions"]
    assert "restart" not in device.log()


def test_an_engine_is_built_on_the_device_and_the_signature_still_holds(
    device: Device, bundle: Path, tmp_path: Path
) -> None:
    key = config_folder() / "signing.key"
    make_key(key)
    sign(Bundle.open(bundle), read_private(key))
    trusted = device.folder / "config" / "edgecv" / "trusted_keys"
    trusted.mkdir(parents=True)
    shutil.copy(f"{key}.pub", trusted)
    log = device.folder / "asked"
    device.add_program("asked", f'echo "$@" >>{log}; quick "$@"')
    told = quickly(device, bundle, "--engine", "null", "--remote-command", "asked")
    assert told["engine"] == "null"
    # and it is what the test runs
    assert "--source conveyor:// --engine null" in log.read_text()
    assert (device.place / "current" / "built" / "manifest.json").is_file()
    # without any signature
    (bundle / "signature.json").unlink()
    told = r"the archive on stdin: not signed, .* Sign the bundle, and pack it again$"
    with pytest.raises(EdgecvError, match=told):
        deploy(device, bundle)
    # of a key that the device does not trust
    make_key(tmp_path / "other")
    sign(Bundle.open(bundle), read_private(tmp_path / "other"))
    before = device.current()
    with pytest.raises(EdgecvError, match=r"the bundle did not arrive: .*not trusted here"):
        deploy(device, bundle)
    assert device.versions() == [before]


def test_an_engine_that_the_device_cannot_build_is_refused_before_anything_is_sent(
    device: Device, bundle: Path
) -> None:
    told = r"tensorrt cannot be built there: .*\. See there: quick doctor"
    with pytest.raises(EdgecvError, match=told):
        quickly(device, bundle, "--engine", "tensorrt")
    assert device.versions() == []


def test_a_bundle_that_fails_its_test_never_goes_live(device: Device, bundle: Path) -> None:
    before = live(device)
    broken = Bundle.open(bundle)
    broken.new_file("engines/broken.onnx").write_bytes(b"no graph")
    broken.update(variants=(Variant(name="onnxruntime-fp32", engine="onnxruntime",
                                    precision="fp32", file="engines/broken.onnx"),))  # fmt: skip
    broken.save()
    with pytest.raises(EdgecvError, match=r"the test on 10 frames failed: .*broken\.onnx"):
        deploy(device, bundle)
    assert device.versions() == [before]
    assert device.current() == before


def test_the_service_is_started_again_on_the_new_version(device: Device, bundle: Path) -> None:
    live(device)
    serve_with_systemd(device)
    told = quickly(device, bundle)
    assert (told["service"], told["before"]) == ("edgecv", f"versions/{OLD[-1]}")
    assert "restart edgecv.service" in device.log()


@pytest.mark.parametrize("how", ["does not come up", "does not stay up"])
def test_a_service_that_fails_brings_the_former_version_back(
    device: Device, bundle: Path, how: str
) -> None:
    serve_with_systemd(device)
    before = live(device)
    (device.folder / "works").write_text(before)
    if how == "does not stay up":
        (device.folder / "falls").touch()
    told = rf"edgecv.service {how}.*\. Rolled back: versions/{before} is live$"
    with pytest.raises(EdgecvError, match=told):
        quickly(device, bundle)
    assert device.current() == before
    assert device.versions() == [before]
    # the new one, the former again
    log = device.log()
    assert log.count("restart edgecv.service") == 2


def test_a_first_deployment_whose_service_fails_leaves_nothing_live(
    device: Device, bundle: Path
) -> None:
    serve_with_systemd(device)
    (device.folder / "works").write_text("none")
    with pytest.raises(EdgecvError, match=r"does not come up.*Rolled back: nothing is live"):
        quickly(device, bundle)
    assert not (device.place / "current").is_symlink()
    assert device.versions() == []


def test_a_service_that_does_not_come_up_with_the_former_version_either_is_told(
    device: Device, bundle: Path
) -> None:
    before = live(device)
    serve_with_systemd(device)
    (device.folder / "works").write_text("none")
    told = rf"Rolled back: versions/{before} is live, but edgecv\.service does not come up"
    with pytest.raises(EdgecvError, match=told):
        quickly(device, bundle)
    assert device.current() == before
    assert device.versions() == [before]


def test_of_two_deployments_at_once_the_second_says_who_works_there(
    device: Device, bundle: Path
) -> None:
    live(device)
    serve_with_systemd(device)
    (device.folder / "slow").write_text("3")
    with started(device, bundle) as first:
        wait_until(lambda: "restart" in device.log())
        told = r"another deployment works in .* there, process \d+ since .*end it there: kill \d+$"
        with pytest.raises(EdgecvError, match=told):
            quickly(device, bundle)
        assert first.wait(30) == 0
    assert device.versions() == [OLD[-1], device.current()]


def test_a_device_that_hears_nothing_more_goes_back_by_itself(device: Device, bundle: Path) -> None:
    before = live(device)
    serve_with_systemd(device)
    (device.folder / "works").write_text(before)
    (device.folder / "slow").write_text("2")
    with started(device, bundle) as process:
        wait_until(lambda: "restart" in device.log())
        assert device.current() != before
        process.kill()
    wait_until(lambda: device.current() == before)
    wait_until(lambda: device.versions() == [before])
    assert not (device.place / ".before").exists()


def test_a_connection_that_breaks_at_the_switch_is_told_and_the_device_goes_on(
    device: Device, bundle: Path, tmp_path: Path
) -> None:
    before = live(device)
    serve_with_systemd(device)
    (device.folder / "slow").write_text("2")
    with started(device, bundle, "--remote-command", "quick", TMPDIR=str(tmp_path)) as process:
        wait_until(lambda: "restart" in device.log())
        (master,) = (
            one for one in psutil.process_iter(["cmdline"])
            if f"{tmp_path}/" in "".join(one.info["cmdline"] or ()) and "[mux]" in one.cmdline()[0]
        )  # fmt: skip
        master.kill()
        told = process.communicate(timeout=30)[1].decode().splitlines()[-1]
    assert re.search(
        r"the connection broke\. .* It goes on by itself, .*: ask there, readlink /", told
    )
    wait_until(lambda: not (device.place / ".before").exists())
    assert device.current() != before


def test_a_deployment_that_is_ended_there_is_told(device: Device, bundle: Path) -> None:
    before = live(device)
    # as the message of a second one says
    device.add_program(
        "ended", f'[ "$1" != run ] || kill $(cut -d" " -f2 {device.place}/.lock); quick "$@"'
    )
    with pytest.raises(EdgecvError, match=r"ended there: exit status 143\."):
        quickly(device, bundle, "--remote-command", "ended")
    assert device.current() == before
    quickly(device, bundle)
    assert device.versions() == [before, device.current()]


def test_the_way_back_leads_past_a_version_whose_service_was_never_seen_to_come_up(
    device: Device, bundle: Path
) -> None:
    # as a power cut leaves it between the switch and the service
    known = live(device)
    (device.place / ".before").write_text(f"versions/{known}\nversions/{OLD[0]}\n")
    (device.place / "versions" / OLD[0]).mkdir()
    (device.place / "current").unlink()
    (device.place / "current").symlink_to(f"versions/{OLD[0]}")
    serve_with_systemd(device)
    (device.folder / "works").write_text(known)
    with pytest.raises(EdgecvError, match=rf"Rolled back: versions/{known} is live$"):
        quickly(device, bundle)
    assert device.current() == known
    assert not (device.place / ".before").exists()


@pytest.mark.parametrize("was", ["", f"versions/{OLD[0]}"])
def test_there_is_no_way_back_past_the_only_version(device: Device, bundle: Path, was: str) -> None:
    only = live(device)
    (device.place / ".before").write_text(f"{was}\nversions/{only}\n")
    serve_with_systemd(device)
    (device.folder / "works").write_text(only)
    with pytest.raises(EdgecvError, match=rf"Rolled back: versions/{only} is live$"):
        quickly(device, bundle)
    assert device.current() == only


@pytest.mark.parametrize(("since", "way_back"), [("2000-01-01", OLD[0]), ("2100-01-01", OLD[-1])])
def test_a_service_that_came_up_after_the_cut_has_proved_its_version(
    device: Device, bundle: Path, since: str, way_back: str
) -> None:
    tried = live(device)
    (device.place / "versions" / OLD[0]).mkdir()
    (device.place / ".before").write_text(f"versions/{OLD[0]}\nversions/{tried}\n")
    serve_with_systemd(device)
    (device.folder / "since").write_text(f"Sat {since} 00:00:00 UTC")
    assert quickly(device, bundle)["before"] == f"versions/{way_back}"


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("link", ["versions/{}/", "{place}/versions/{}", "./versions/{}"])
def test_a_link_made_by_hand_is_a_version_as_well(
    device: Device, bundle: Path, link: str, keep: int
) -> None:
    before = live(device)
    (device.place / "versions" / OLD[0]).mkdir()
    (device.place / "current").unlink()
    (device.place / "current").symlink_to(link.format(before, place=device.place))
    told = quickly(device, bundle, "--keep", str(keep))
    assert told["before"] == f"versions/{before}"
    assert device.versions() == [before] * keep + [device.current()]


def test_who_leads_the_link_elsewhere_meanwhile_is_believed(device: Device, bundle: Path) -> None:
    live(device)
    (device.place / "versions" / OLD[0]).mkdir()
    device.add_program(
        "meanwhile",
        f'[ "$1" != run ] || ln -sfn versions/{OLD[0]} {device.place}/current\nquick "$@"',
    )
    with pytest.raises(
        EdgecvError, match=rf"to versions/{OLD[0]} meanwhile\. Nothing was switched"
    ):
        quickly(device, bundle, "--remote-command", "meanwhile")
    assert device.current() == OLD[0]
    assert device.versions() == [OLD[0], OLD[-1]]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("rm -r versions/2*-*-[!0]*", "is not there any more. Nothing was switched"),
        ("mkdir .note", "cannot be written to; is the disk full"),
    ],
)
def test_what_goes_wrong_before_the_switch_changes_nothing(
    device: Device, bundle: Path, harm: str, told: str
) -> None:
    before = live(device)
    note = f"versions/{OLD[0]}\nversions/{before}\n"
    (device.place / "versions" / OLD[0]).mkdir()
    (device.place / ".before").write_text(note)
    device.add_program("harmed", f'[ "$1" != run ] || {{ cd {device.place}; {harm}; }}; quick "$@"')
    with pytest.raises(EdgecvError, match=told):
        quickly(device, bundle, "--remote-command", "harmed")
    assert device.current() == before
    assert device.versions() == [OLD[0], before]
    assert (device.place / ".before").read_text() == note


def test_files_that_this_user_cannot_remove_are_told(device: Device, bundle: Path) -> None:
    live(device)
    device.add_program("rm", 'case "$*" in *.gone-*) exit 1 ;; esac; exec /bin/rm "$@"')
    try:
        result = deploy(device, bundle, "--remote-command", "quick", "--keep", "0")
    finally:
        (device.folder / "bin" / "rm").unlink()
    assert f"sudo rm -rf {device.place}/versions/.gone-*" in result.stderr
    assert device.versions() == [f".gone-{OLD[-1]}", device.current()]


def test_who_led_the_link_elsewhere_after_a_power_cut_is_believed(
    device: Device, bundle: Path
) -> None:
    mine = live(device)
    (device.place / ".before").write_text(f"versions/{OLD[1]}\nversions/{OLD[0]}\n")
    assert quickly(device, bundle)["before"] == f"versions/{mine}"


def test_what_a_power_cut_left_is_removed_but_never_what_is_live(
    device: Device, bundle: Path
) -> None:
    before = live(device)
    for name in (OLD[0], ".unpack-abc"):
        (device.place / "versions" / name).mkdir()
    (device.place / ".new").write_text(OLD[0])
    (device.place / ".next").symlink_to(f"versions/{before}")
    quickly(device, bundle)
    assert device.versions() == [before, device.current()]
    for new in ("", device.current()):
        (device.place / ".new").write_text(new)
        with pytest.raises(EdgecvError, match="'edgecvv' is no edgecv there"):
            quickly(device, bundle, "--remote-command", "edgecvv")
        quickly(device, bundle)
        assert before in device.versions()


def test_the_version_to_go_back_to_stays_also_when_it_is_the_oldest(
    device: Device, bundle: Path
) -> None:
    live(device)
    for name in OLD[:2]:
        (device.place / "versions" / name).mkdir()
    # gone back to by hand
    (device.place / "current").unlink()
    (device.place / "current").symlink_to(f"versions/{OLD[0]}")
    assert quickly(device, bundle, "--keep", "1")["removed"] == OLD[1:]
    assert device.versions() == [OLD[0], device.current()]


def test_who_stops_it_at_the_switch_is_told_that_the_device_goes_on(
    device: Device, bundle: Path
) -> None:
    live(device)
    serve_with_systemd(device)
    (device.folder / "slow").write_text("2")
    with started(device, bundle) as process:
        wait_until(lambda: "restart" in device.log())
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1].decode().splitlines()[-1]
    assert told.startswith("edgecv: stopped here. The device goes on by itself")
    wait_until(lambda: not (device.place / ".before").exists())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_asked_to_end_leaves_nothing_here_or_there(
    device: Device, bundle: Path, number: int, tmp_path: Path
) -> None:
    before = live(device)
    begun = device.folder / "begun"
    begun.unlink(missing_ok=True)
    device.add_program(
        "stuck", f'[ "$1" != run ] || {{ sleep 300 & echo $! >{begun}; wait; }}; quick "$@"'
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with started(device, bundle, "--remote-command", "stuck", TMPDIR=str(temporary)) as process:
        wait_until(lambda: begun.exists() and begun.read_text())
        assert len(list(temporary.iterdir())) == 1
        process.send_signal(number)
        told = process.communicate(timeout=30)[1].decode().splitlines()[-1]
    assert process.returncode == 130
    assert told == f"edgecv: stopped. Nothing was switched: versions/{before} is live"
    wait_until(lambda: device.versions() == [before])
    # neither does what was under way there go on
    wait_until(lambda: not runs(int(begun.read_text())))
    assert list(temporary.iterdir()) == []


def test_a_service_that_this_user_may_not_start_is_told_before_anything_is_sent(
    device: Device, bundle: Path
) -> None:
    live(device)
    serve_with_systemd(device)
    device.add_program("id", 'if [ "$1" = -u ]; then echo 1000; else echo camera; fi')
    told = r"camera ALL=\(root\) NOPASSWD: .*/systemctl restart edgecv\.service$"
    # asks for a password, but not for all; what it lists is in a file
    sudo = "case $2$3 in -v) exit 1 ;; -l) cat {} ;; -l*) ;; *) {} ;; esac"
    rules = device.folder / "rules"
    try:
        for listed in (None, "(ALL) ALL\n(root) NOPASSWD: /usr/sbin/nvpmodel"):
            rules.write_text(listed or "")
            device.add_program("sudo", sudo.format(rules, "exit 1") if listed else "exit 1")
            with pytest.raises(EdgecvError, match=told):
                quickly(device, bundle)
            assert device.versions() == [OLD[-1]]
        # it promised too much
        rules.write_text("(root) NOPASSWD: /usr/bin/systemctl restart other.service")
        refuses = "{ echo sudo: a password is required >&2; exit 1; }"
        device.add_program("sudo", sudo.format(rules, refuses))
        told = rf"not be started again \(sudo: a password .*back: versions/{OLD[-1]} is live$"
        with pytest.raises(EdgecvError, match=told):
            quickly(device, bundle)
        # and one that may
        rules.write_text("(root) NOPASSWD: /usr/bin/systemctl restart edgecv.service")
        device.add_program("sudo", sudo.format(rules, 'shift; "$@"'))
        assert quickly(device, bundle)["service"] == "edgecv"
        assert "restart edgecv.service" in device.log()
    finally:
        for name in ("id", "sudo"):
            (device.folder / "bin" / name).unlink()


def test_a_systemd_that_does_not_answer_is_told(device: Device, bundle: Path) -> None:
    (device.folder / "no-bus").touch()
    with pytest.raises(EdgecvError, match=r"Failed to connect to bus.*say --service ''"):
        quickly(device, bundle)
    assert quickly(device, bundle, "--service", "")["service"] is None


def test_what_a_shell_prints_at_its_start_is_passed_over(device: Device, bundle: Path) -> None:
    device.add_program("noisy", 'echo "Welcome {you}"; quick "$@"; echo Bye')
    assert quickly(device, bundle, "--remote-command", "noisy")["fps"] == 25
    # and ends no line
    device.add_program("sh", 'printf "welcome {you} "; exec /bin/sh "$@"')
    try:
        assert quickly(device, bundle)["fps"] == 25
    finally:
        (device.folder / "bin" / "sh").unlink()


@pytest.mark.parametrize("answer", ["", "{}", '{"processed": "ten"}', "[10]"])
def test_a_device_that_answers_otherwise_than_edgecv_is_told_in_a_line(
    device: Device, bundle: Path, answer: str
) -> None:
    device.add_program("other", f"case $1 in run) echo '{answer}' ;; *) quick \"$@\" ;; esac")
    with pytest.raises(EdgecvError, match=r"'other' there does not answer as edgecv") as error:
        quickly(device, bundle, "--remote-command", "other")
    assert "\n" not in str(error.value)


def test_a_build_that_is_killed_is_put_down_to_memory(device: Device, bundle: Path) -> None:
    device.add_program("starving", '[ "$1" != build ] || kill -9 $$; quick "$@"')
    with pytest.raises(EdgecvError, match=r"null cannot be built: it was killed there.*memory"):
        quickly(device, bundle, "--remote-command", "starving", "--engine", "null")
    assert device.versions() == []


@pytest.mark.parametrize(("path", "where"), [("~", "."), ("~/a b", "a b"), ("c/d", "c/d")])
def test_a_path_begins_at_the_home_of_the_user_there(
    device: Device, bundle: Path, path: str, where: str
) -> None:
    home = device.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    # sshd begins in the home of the account, which is not this test's
    device.add_program("sh", f'cd {home}; exec /bin/sh "$@"')
    try:
        told = quickly(device, bundle, "--path", path)
    finally:
        (device.folder / "bin" / "sh").unlink()
    assert Path(told["path"]) == (home / where / "current").absolute()
    assert (home / where / "current").exists()


def test_the_home_of_somebody_else_is_not_guessed(device: Device, bundle: Path) -> None:
    with pytest.raises(UsageError, match="give the absolute path"):
        quickly(device, bundle, "--path", "~other/bundle")


def test_a_path_that_is_no_name_of_a_folder_is_refused(device: Device, bundle: Path) -> None:
    with pytest.raises(UsageError, match="fits on a line"):
        quickly(device, bundle, "--path", "/srv/a\nb")


@pytest.mark.parametrize("name", ["*", "edgecv-*", "-f", "a b", "../x", "a;b"])
def test_a_service_is_one_unit(device: Device, bundle: Path, name: str) -> None:
    with pytest.raises(click.BadParameter, match="the name of one unit"):
        quickly(device, bundle, "--service", name)
    assert service_name("camera@1.service") == "camera@1"


def test_a_copy_that_is_cut_off_leaves_the_old_version_live(device: Device, bundle: Path) -> None:
    before = live(device)
    Bundle.open(bundle).new_file("large").write_bytes(os.urandom(20_000_000))
    Bundle.open(bundle).save()
    begun = device.folder / "begun"
    begun.unlink(missing_ok=True)
    device.add_program(
        "slow", f'[ "$1" = bundle ] && {{ touch {begun}; sleep 1; }}; exec edgecv "$@"'
    )
    with started(device, bundle, "--remote-command", "slow") as process:
        wait_until(begun.exists)
        process.kill()
    wait_until(lambda: device.versions() == [before])
    time.sleep(1.5)  # the other side has begun late, and ends for want of the rest
    wait_until(lambda: device.versions() == [before])
    assert device.current() == before


def test_a_full_disk_leaves_the_old_version_live(device: Device, bundle: Path) -> None:
    before = live(device)
    versions = device.place / "versions"
    kept = versions.rename(device.place / "kept")
    versions.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(versions)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        opened = Bundle.open(bundle)
        opened.new_file("large").write_bytes(os.urandom(8_000_000))
        opened.save()
        # enough room when the first bytes arrive, and none when the last do
        device.add_program(
            "filling",
            f'[ "$1" = bundle ] || exec edgecv "$@"\n(head -c 4000000; '
            f'head -c 50000000 /dev/zero >{versions}/filler; cat) 2>/dev/null | edgecv "$@"',
        )
        with pytest.raises(EdgecvError, match=r"did not arrive: .*no space left on the disk"):
            deploy(device, bundle, "--remote-command", "filling")
        assert device.versions() == ["filler"]
        # and with too little room from the begin, nothing is written
        with pytest.raises(EdgecvError, match=r"did not arrive: .*MB free on the disk"):
            deploy(device, bundle)
        assert device.versions() == ["filler"]
    finally:
        subprocess.run(["umount", str(versions)], check=True)
    versions.rmdir()
    kept.rename(versions)
    assert device.current() == before


def test_a_machine_that_is_not_there_is_told_in_a_line(device: Device, bundle: Path) -> None:
    arguments = [str(bundle), *device.arguments]
    arguments[arguments.index("--port") + 1] = str(free_port())
    told = r"127\.0\.0\.1: ssh says: .*refused\. Try: ssh -F \S+ -p \d+ 127\.0\.0\.1 true$"
    with pytest.raises(EdgecvError, match=told) as error:
        CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    assert error.value.exit_status == 1
    assert "\n" not in str(error.value)


def test_another_host_key_stops_everything(device: Device, bundle: Path) -> None:
    device.trust_host("stranger")
    with pytest.raises(EdgecvError, match="Host key verification failed"):
        deploy(device, bundle)
    assert not device.place.exists()


def test_a_key_that_the_machine_does_not_know_is_told(device: Device, bundle: Path) -> None:
    config = device.folder / "stranger_config"
    config.write_text(device.config.read_text().replace("/user\n", "/stranger\n"))
    with pytest.raises(EdgecvError, match="Permission denied"):
        deploy(device, bundle, "--ssh-config", str(config))


def test_a_device_without_edgecv_is_told_where_to_look(device: Device, bundle: Path) -> None:
    with pytest.raises(EdgecvError, match=r"'edgecvv' is no edgecv there.*--remote-command"):
        deploy(device, bundle, "--remote-command", "edgecvv")
    with pytest.raises(EdgecvError, match="'true' is no edgecv there"):
        deploy(device, bundle, "--remote-command", "true")
    device.add_program("dumb", "echo broken >&2; exit 3")
    with pytest.raises(EdgecvError, match="'dumb' does not run: broken"):
        deploy(device, bundle, "--remote-command", "dumb")


def test_a_folder_that_is_something_else_is_left_alone(device: Device, bundle: Path) -> None:
    (device.place / "current").mkdir(parents=True)
    with pytest.raises(EdgecvError, match="current is no link"):
        deploy(device, bundle)
    assert device.versions() == []


def test_a_bundle_that_is_not_in_order_is_not_sent(device: Device, bundle: Path) -> None:
    (bundle / "stray").touch()
    shutil.rmtree(device.place, ignore_errors=True)
    with pytest.raises(BundleError, match=r"stray is not in the manifest\. Remove stray$"):
        quickly(device, bundle)
    # the device was not even asked
    assert not device.place.exists()
    assert device.versions() == []
    make_key(config_folder() / "key")
    trust(config_folder() / "key.pub")
    with pytest.raises(BundleError, match="not signed"):
        quickly(device, bundle)


@pytest.mark.parametrize("host", ["-oProxyCommand=id", "", "a b"])
def test_what_is_no_host_is_refused(bundle: Path, host: str) -> None:
    with pytest.raises(UsageError, match="expected user@host"):
        CliRunner().invoke(
            command, [str(bundle), "--", host], catch_exceptions=False, standalone_mode=False
        )


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
