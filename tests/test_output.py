from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecv.bundle import MANIFEST, Bundle, Manifest
from edgecv.errors import BundleError
from edgecv.output import check_output, check_room, locked, room_hint


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    with locked(folder):
        pass
    return folder


@pytest.mark.parametrize("content", [(), (".lock",), (".stages",), (".stages", MANIFEST)])
def test_a_folder_that_is_new_empty_or_a_bundle_is_taken(
    tmp_path: Path, content: tuple[str, ...]
) -> None:
    check_output(tmp_path / "new" / "deeper")
    for name in content:
        (tmp_path / name).touch()
    check_output(tmp_path)


def test_a_bundle_is_known_by_what_its_manifest_says_not_by_that_name(tmp_path: Path) -> None:
    Bundle(tmp_path, Manifest()).save()
    (tmp_path / "notes.txt").touch()
    check_output(tmp_path)
    (tmp_path / MANIFEST).write_text('{"name": "a web page", "icons": []}')
    with pytest.raises(BundleError, match=r"holds something else \(manifest.json, notes.txt\)"):
        check_output(tmp_path)


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(BundleError, match=r"holds something else \(thesis.doc\).*--out"):
        check_output(tmp_path)
    with pytest.raises(BundleError, match="is no folder"):
        check_output(tmp_path / "thesis.doc")
    with pytest.raises(BundleError, match=r"cannot write in .*thesis.doc"):
        check_output(tmp_path / "thesis.doc" / "inside")


def test_a_folder_that_cannot_be_written_to_is_refused() -> None:
    # /proc is never writable, for root neither
    with pytest.raises(BundleError, match=r"/proc/edgecv.*--out"), locked(Path("/proc/edgecv")):
        pass


def test_a_full_disk_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"\0" * 1_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 29_000_000}))
    check_room(tmp_path / "out", None)
    with pytest.raises(BundleError, match="29 MB free on the disk, about 30 MB are needed"):
        check_room(tmp_path / "out", str(weights))


def test_a_second_run_is_refused_with_the_number_of_the_first(out: Path) -> None:
    with locked(out):
        with (
            pytest.raises(BundleError, match=f"process {os.getpid()} works there now"),
            locked(out),
        ):
            pass
        assert (out / ".lock").read_text() == f"{os.getpid()}\n"
    with locked(out):
        pass


def test_a_lock_left_by_a_killed_run_does_not_hold(out: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import fcntl; f = open({str(out / '.lock')!r}, 'a'); fcntl.flock(f, fcntl.LOCK_EX);"
            "print(flush=True); import time; time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(BundleError, match="works there now"), locked(out):
        pass
    holder.kill()
    holder.communicate()
    with locked(out), (out / ".lock").open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_a_killed_stage_left_is_removed_by_the_next_run(out: Path) -> None:
    (out / ".stages" / ".tmp-load" / "deep").mkdir(parents=True)
    with locked(out):
        assert list((out / ".stages").iterdir()) == []


def test_a_hint_is_given_on_a_nearly_full_disk_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, hint in ((20_000_000, ""), (1_500_000, " (1.5 MB free on this disk)")):
        monkeypatch.setattr("shutil.disk_usage", lambda path, f=free: type("U", (), {"free": f}))
        assert room_hint(tmp_path) == hint
