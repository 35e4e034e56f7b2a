from __future__ import annotations

from pathlib import Path

import pytest
from made_run import make_bundle, make_comparison, metrics

from edgecv.bundle import Bundle
from edgecv.report.collect import collect
from edgecv.report.photos import Comparison
from edgecv.report.schema import Report


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle", metrics())


@pytest.fixture
def report(bundle: Bundle) -> Report:
    return collect(bundle, ("edgecv", "compress", "--out", "a folder"))


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    return make_comparison()
