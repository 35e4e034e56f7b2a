from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chromium import Page


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights and photos: $EDGECV_SHARED, or ../shared beside the clone."""
    folder = Path(os.environ.get("EDGECV_SHARED", Path(__file__).parents[1].parent / "shared"))
    if not (folder / "data" / "weights").is_dir():
        message = f"no real weights and photos in {folder}; set EDGECV_SHARED"
        if os.environ.get("EDGECV_CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A headless Chromium, one for all tests."""
    from chromium import Page, find

    program = find()
    if program is None:
        message = "no Chromium here; install it: apt-get install chromium"
        if os.environ.get("EDGECV_CI"):
            pytest.fail(message)
        pytest.skip(message)
    page = Page(program, tmp_path_factory.mktemp("chromium"))
    yield page
    page.close()
