from __future__ import annotations

from pathlib import Path

import pytest
from signed_bundles import own_config


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration, empty."""
    return own_config(tmp_path / "config", monkeypatch)
