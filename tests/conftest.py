from __future__ import annotations

import os
from pathlib import Path

import pytest


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
