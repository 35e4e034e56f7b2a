from __future__ import annotations

import inspect

import pytest

from edgecv import errors

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
    assert message.endswith("pip install 'edgecv[compress]'")
