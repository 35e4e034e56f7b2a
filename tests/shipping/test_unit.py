from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from pathlib import Path

import pytest
from programs import program

from edgecv.engines._engine import GIVE_WAY
from edgecv.errors import UsageError
from edgecv.shipping.unit import MARK, STEPS_SINCE, Service, quoted, unit_of

WORDS = (
    *("/bin/echo", "plain", "with space", "it's", 'say "x"', "back\\slash", "100%", "$HOME"),
    *("${HOME}", ";", "a;b", "", "ü", "rtsp://u:p@camera/s?x=1&y=%40", "gst:a ! b"),
)


def service(folder: Path, /, **changes: object) -> Service:
    made = Service(
        name="edgecv",
        command=WORDS,
        user="root",
        groups=("video", "render"),
        folder=folder,
        memory_max="2G",
        writable=(folder,),
        private_tmp=True,
        environment=folder / "edgecv.env",
        variables=(("EDGECV_TRUSTED_KEYS", "/etc/my keys/100%"),),
        systemd=252,
    )
    return dataclasses.replace(made, **changes)


def lines(text: str) -> dict[str, str]:
    """The unit's settings; each stands in it once."""
    pairs = [line.partition("=") for line in text.splitlines() if not line.startswith(("#", "["))]
    found = {key: value for key, _, value in pairs if key}
    assert len(found) == len([key for key, _, _ in pairs if key])
    return found


def test_a_unit_comes_back_by_itself_and_is_watched(tmp_path: Path) -> None:
    text = unit_of(service(tmp_path))
    assert text.startswith(MARK)
    found = lines(text)
    assert found["Type"] == "notify"
    assert found["Restart"] == "always"
    assert found["WatchdogSec"] == "60"
    assert found["MemoryMax"] == "2G"
    assert int(found["Nice"]) == -GIVE_WAY
    assert found["StartLimitIntervalSec"] == "0"
    assert found["SupplementaryGroups"] == "video render"
    assert found["StandardError"] == "journal"


def test_what_a_camera_or_a_gpu_needs_is_left(tmp_path: Path) -> None:
    text = unit_of(service(tmp_path))
    for key in ("PrivateDevices", "ProtectClock", "DevicePolicy", "MemoryDenyWriteExecute"):
        assert key not in text


def test_a_csi_camera_shares_the_tmp_of_its_daemon(tmp_path: Path) -> None:
    alone, shared = (
        lines(unit_of(service(tmp_path, private_tmp=private, writable=())))
        for private in (True, False)
    )
    assert alone["PrivateTmp"] == "yes"
    assert "ReadWritePaths" not in alone
    assert "PrivateTmp" not in shared
    assert shared["ReadWritePaths"] == "/tmp"  # noqa: S108


def test_pauses_grow_where_systemd_can_do_that(tmp_path: Path) -> None:
    old = lines(unit_of(service(tmp_path, systemd=STEPS_SINCE - 1)))
    new = lines(unit_of(service(tmp_path, systemd=STEPS_SINCE)))
    assert old["RestartSec"] == "10"
    assert "RestartSteps" not in old
    assert (new["RestartSteps"], new["RestartMaxDelaySec"]) == ("6", "60")


def test_a_machine_without_those_groups_gets_a_unit_without_them(tmp_path: Path) -> None:
    assert "SupplementaryGroups" not in unit_of(service(tmp_path, groups=()))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("$x", "$$x"),
        ('a"b\\c\n', '"a\\"b\\\\c\\n"'),
    ],
)
def test_a_word_is_quoted_as_systemd_wants_it(word: str, expected: str) -> None:
    assert quoted(word) == expected


def test_variables_are_passed_on(tmp_path: Path) -> None:
    found = lines(unit_of(service(tmp_path)))["Environment"]
    assert found == 'EDGECV_CACHE=%C/edgecv "EDGECV_TRUSTED_KEYS=/etc/my keys/100%%"'
    found = lines(unit_of(service(tmp_path, variables=())))["Environment"]
    assert found == "EDGECV_CACHE=%C/edgecv"


@pytest.mark.parametrize(
    "changes",
    [
        {"folder": Path("/a\nUser=root")},
        {"folder": Path("/a\rUser=root")},
        {"folder": Path("/would-go-on-with-the-next-line\\")},
        {"folder": Path("/ends-in-a-space ")},
        {"command": ("/bin/echo", "\x1b[2J")},
        {"command": ("/bin/echo", "no-utf-8-\udcff")},
        {"variables": (("EDGECV_TRUSTED_KEYS", "/a\x0bb"),)},
    ],
)
def test_what_a_unit_cannot_hold_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="a unit cannot"):
        unit_of(service(tmp_path, **changes))


def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    path = tmp_path / "edgecv.service"
    path.write_text(unit_of(service(tmp_path)), "utf-8")
    told = subprocess.run([analyze, "verify", path], capture_output=True, text=True)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    path.write_text(path.read_text().replace("WatchdogSec=60", "WatchdogSec=soon"))
    told = subprocess.run([analyze, "verify", path], capture_output=True, text=True)
    assert "ignoring: soon" in told.stderr


def test_systemd_reads_back_the_words_that_were_meant(tmp_path: Path) -> None:
    """Its own parser, in the mode that only prints what it would do; that mode is not for root."""
    systemd = program("/lib/systemd/systemd", "systemd")
    folder = tmp_path / "units"
    folder.mkdir()
    (folder / "edgecv.service").write_text(unit_of(service(tmp_path)), "utf-8")
    other = []
    if os.geteuid() == 0:
        other = [program("setpriv", "util-linux"), "--reuid=65534", "--regid=65534",
                 "--clear-groups"]  # fmt: skip
        for place in (tmp_path, *tmp_path.parents[:2]):
            place.chmod(0o755)
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    runtime.chmod(0o777)
    with_folder = {
        **{"PATH": os.environ["PATH"], "HOME": "/", "SYSTEMD_UNIT_PATH": f"{folder}:"},
        "XDG_RUNTIME_DIR": str(runtime),
    }
    told = subprocess.run(
        [*other, systemd, "--test", "--user", "--unit=edgecv.service"],
        capture_output=True,
        text=True,
        env=with_folder,
        timeout=60,
    )
    (line,) = re.findall(r"Command Line: (/bin/echo .*)", told.stdout)
    # printed for a shell; two dollars become one only when the program is started
    read = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True)
    assert tuple(read.stdout.replace("$$", "$").split("\0")[:-1]) == WORDS
