from __future__ import annotations

import inspect
import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from edgecv import errors
from edgecv.errors import pip_line

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.EdgecvError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_tree_at_the_top_of_the_file_shows_each_error_with_its_status(
    kind: type[errors.EdgecvError],
) -> None:
    drawn = errors.__doc__ or ""
    (line,) = [line for line in drawn.splitlines() if kind.__name__ in line.split()]
    assert f" {kind.exit_status} " in line


def test_wrong_use_ends_with_2_and_a_missed_budget_with_3() -> None:
    assert {kind.exit_status for kind in KINDS if issubclass(kind, errors.UsageError)} == {2}
    assert errors.BudgetMissedError.exit_status == 3
    assert errors.EngineError.exit_status == 1


def test_a_missing_package_comes_with_the_line_that_installs_it() -> None:
    message = str(errors.MissingExtraError("torch", "compress", "stage load"))
    assert message.startswith("stage load needs the package 'torch'")
    assert message.endswith(pip_line("compress"))


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        ({"dir_info": {"editable": True}}, "-e '{folder}[video]'"),
        ({"dir_info": {}}, "'{folder}[video]'"),
        ({"archive_info": {}}, "'edgecv[video]'"),
        (None, "'edgecv[video]'"),
    ],
    ids=["editable", "folder", "wheel", "registry"],
)
def test_that_line_can_be_typed_where_edgecv_is(
    origin: dict | None, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a clone"
    folder.mkdir()

    class Distribution:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if origin is None else json.dumps({"url": folder.as_uri(), **origin})

    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    monkeypatch.setattr(sys, "executable", "/v/bin/python")
    assert pip_line("video") == f"/v/bin/python -m pip install {wanted.format(folder=folder)}"


def test_that_line_is_there_without_any_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert pip_line("video").endswith(" -m pip install 'edgecv[video]'")
