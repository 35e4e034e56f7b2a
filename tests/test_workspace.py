from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecv.bundle import MANIFEST, Bundle, StageRecord
from edgecv.errors import BundleError
from edgecv.output import locked
from edgecv.plan import Step
from edgecv.recipe import LoadSettings
from edgecv.stages import STAGES
from edgecv.workspace import check_same, find_result, has_result, new_result, publish


def step(name: str, key: str) -> Step:
    return Step(name, STAGES[name], LoadSettings(), key * 64)


def complete(out: Path, one: Step, files: dict[str, str], before: Bundle | None = None) -> Bundle:
    with new_result(out, one, before) as bundle:
        for name, text in files.items():
            bundle.new_file(name).write_text(text)
        record = StageRecord(
            stage=one.name, key=one.key, settings={}, metrics={}, seconds=0, environment={}
        )
        bundle.update(history=(*bundle.manifest.history, record))
    return bundle


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    with locked(folder):
        pass
    return folder


def test_a_run_killed_at_any_change_of_its_folder_ends_with_the_same_bundle(tmp_path: Path) -> None:
    program = Path(__file__).with_name("kill_points.py")
    path = os.pathsep.join([str(program.parents[1]), str(program.parent)])
    told = subprocess.run(
        [sys.executable, str(program), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    found = json.loads(told.stdout)
    assert set(found["expected"]) == {"a.txt", "c.json", "deep/new", MANIFEST}
    assert found["unharmed"]
    assert len(found["resumed"]) > 40
    for resumed in found["resumed"]:
        assert resumed == found["expected"]
    # only while files are moved into place is the published folder in between
    assert found["broken"] < 12


def test_a_result_is_found_by_its_key_alone(out: Path) -> None:
    complete(out, step("load", "a"), {"labels.txt": "ant"})
    found = find_result(out, step("load", "a"))
    assert found is not None
    assert found.path("labels.txt").read_text() == "ant"
    assert has_result(out, step("load", "a"))
    assert not has_result(out, step("load", "b"))
    assert find_result(out, step("load", "b")) is None
    assert find_result(out, step("export", "a")) is None


def test_a_result_holds_the_files_of_the_one_before_as_links(out: Path) -> None:
    before = complete(out, step("load", "a"), {"a": "1", "b": "2"})
    after = complete(out, step("export", "b"), {"b": "3", "c": "4"}, before)
    assert [after.path(name).read_text() for name in "abc"] == ["1", "3", "4"]
    assert before.path("b").read_text() == "2"
    assert after.path("a").samefile(before.path("a"))
    assert [record.stage for record in after.manifest.history] == ["load", "export"]


def test_files_are_copied_where_links_are_refused(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)
    before = complete(out, step("load", "a"), {"a": "1"})
    after = complete(out, step("export", "b"), {"b": "2"}, before)
    published = publish(out, after)
    assert published.verify() == []
    assert published.path("a").read_text() == "1"
    assert not published.path("a").samefile(after.path("a"))


def test_a_stage_that_fails_leaves_nothing(out: Path) -> None:
    with pytest.raises(ValueError, match="null byte"):
        complete(out, step("load", "a"), {"half": "1", "absent\0": "2"})
    assert list((out / ".stages").iterdir()) == []


def test_a_result_that_was_changed_is_made_again(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = complete(out, step("load", "a"), {"labels.txt": "ant"})
    result.path("labels.txt").write_text("bee")
    assert find_result(out, step("load", "a")) is None
    assert "labels.txt changed since stage load wrote it" in capsys.readouterr().err
    assert not has_result(out, step("load", "a"))
    damaged = complete(out, step("load", "a"), {"labels.txt": "ant"})
    damaged.path(MANIFEST).write_text("{")
    assert find_result(out, step("load", "a")) is None


def test_publishing_removes_what_only_the_former_bundle_had(out: Path) -> None:
    (out / "notes.txt").write_text("of the user")
    publish(out, complete(out, step("load", "a"), {"deep/er/old": "1", "same": "1"}))
    published = publish(out, complete(out, step("load", "b"), {"deep/new": "2", "same": "2"}))
    shown = {path.name for path in out.rglob("*") if ".stages" not in path.parts}
    assert shown == {".lock", "notes.txt", "deep", "new", "same", MANIFEST}
    assert published.folder == out
    assert published.verify() == []
    assert [path.name[:5] for path in (out / ".stages").iterdir()] == ["load-"]


def test_publishing_the_same_result_again_keeps_what_was_built_since(out: Path) -> None:
    result = complete(out, step("load", "a"), {"model": "1"})
    published = publish(out, result)
    published.new_file("engines/plan").write_text("built by hand")
    published.save()
    again = publish(out, result)
    assert "engines/plan" in again.manifest.files
    # but a damaged bundle is put right
    again.path("model").unlink()
    assert publish(out, result).path("model").read_text() == "1"
    assert not (out / "engines").exists()


def test_a_bundle_that_goes_on_from_the_same_steps_is_the_same_and_no_other_is(out: Path) -> None:
    check_same(out, ["b" * 64])  # there is none yet
    publish(out, complete(out, step("train", "b"), {"model": "1"}))
    for same in ([], ["b" * 64]):
        check_same(out, same)
    for other in (["a" * 64], ["b" * 64, "c" * 64]):
        with pytest.raises(BundleError, match=r"finished result of another call.*--fresh"):
            check_same(out, other)
