from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Page, find
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


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A headless Chromium, one for all tests."""
    program = find()
    if program is None:
        message = "no Chromium here; install it: apt-get install chromium"
        if os.environ.get("EDGECV_CI"):
            pytest.fail(message)
        pytest.skip(message)
    page = Page(program, tmp_path_factory.mktemp("chromium"))
    yield page
    page.close()
