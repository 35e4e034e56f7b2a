from __future__ import annotations

import sys

import pytest

from edgecv.errors import MissingExtraError, pip_line
from edgecv.extras import imported


def test_a_package_that_is_there_is_imported() -> None:
    assert imported("json", "video", "this") is sys.modules["json"]


def test_a_package_that_is_missing_is_named_with_what_needs_it_and_its_pip_line() -> None:
    with pytest.raises(MissingExtraError) as caught:
        imported("no_such_package", "video", "source a.mp4")
    assert str(caught.value) == (
        "source a.mp4 needs the package 'no_such_package', which is not installed. "
        f"Install it: {pip_line('video')}"
    )
