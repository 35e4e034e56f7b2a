"""The solver of the assignment problem, with and without the package around it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from edgecv.trackers import linear_sum
from edgecv.trackers.linear_sum import load_solver


def test_the_solver_alone_is_the_solver_of_the_package() -> None:
    gains = np.random.default_rng(0).random((20, 30))
    rows, cols = load_solver()(gains, maximize=True)
    expected_rows, expected_cols = linear_sum_assignment(gains, maximize=True)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(cols, expected_cols)


def test_trackers_do_not_import_the_package_around_it() -> None:
    code = "import sys, edgecv.trackers.two_stage; sys.exit('scipy.optimize' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_scipy_that_keeps_it_elsewhere_is_imported_as_usual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(linear_sum.PathFinder, "find_spec", lambda *_: None)
    assert load_solver() is linear_sum_assignment
