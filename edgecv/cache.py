"""Where edgecv keeps what it fetched, drew or compiled, to have it the next time."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """$EDGECV_CACHE, or `edgecv` in $XDG_CACHE_HOME, or ~/.cache/edgecv."""
    own = os.environ.get("EDGECV_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgecv"
