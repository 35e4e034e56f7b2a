"""Programs that some tests need: found, or the test is skipped; in CI it fails."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, package: str) -> str:
    """Where a program is; `package` is Debian's that brings it."""
    # Debian keeps some where only root's PATH leads
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        message = f"no {name} here; install it: apt-get install {package}"
        if os.environ.get("EDGECV_CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found
