from __future__ import annotations

from pathlib import Path

import pytest
from made_sweep import point, sweep, variant

from edgecv.errors import BundleError, UsageError
from edgecv.sweep.folder import Ledger, alone, read_sweep, reason_in


def test_a_folder_that_is_new_or_empty_has_no_record(tmp_path: Path) -> None:
    assert read_sweep(tmp_path / "new") is None
    assert read_sweep(tmp_path) is None
    with alone(tmp_path):
        assert read_sweep(tmp_path) is None


def test_what_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    for path in (tmp_path, tmp_path / "photo.jpg"):
        with pytest.raises(UsageError, match="holds no sweep"):
            read_sweep(path)


def test_a_change_is_on_the_disk_at_once(tmp_path: Path) -> None:
    first, second = variant("1", state="waiting"), variant("2", state="waiting")
    ledger = Ledger(tmp_path, sweep(first, second))
    ledger.change(second.name, state="measured", points=(point(),))
    found = read_sweep(tmp_path)
    assert found == ledger.sweep
    assert found is not None
    assert [one.state for one in found.variants] == ["waiting", "measured"]
    assert ledger.variant(second.name).points == (point(),)


def test_two_sweeps_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with alone(tmp_path / "out"):
        with pytest.raises(BundleError, match="another sweep works there now"):
            with alone(tmp_path / "out"):
                pass
    with alone(tmp_path / "out"):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="cannot write there"), alone(tmp_path / "file"):
        pass


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it said nothing"),
        ("load 1 s\n\n", "load 1 s"),
        ("edgecv: first\nload 1 s\nedgecv: second\nmore\n", "second"),
    ],
)
def test_the_reason_is_the_last_message_of_a_log(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "log").write_text(text, "utf-8")
    assert reason_in(tmp_path / "log") == reason
