"""Where edgecv keeps what it fetched, drew or compiled, to have it the next time."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """What was measured here, which a user keeps: `edgecv` in $XDG_STATE_HOME or ~/.local/state.

    Not in the cache: a service has one of its own.
    """
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "edgecv"


def cache_folder() -> Path:
    """$EDGECV_CACHE, or `edgecv` in $XDG_CACHE_HOME, or ~/.cache/edgecv."""
    own = os.environ.get("EDGECV_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgecv"
