from __future__ import annotations

import pytest

from edgecv.errors import UsageError
from edgecv.sweep.duration import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", 7200), ("1h30m", 5400), ("90min", 5400), ("45s", 45), ("10ms", 0.01), ("1.5d", 129600)],
)
def test_a_time_is_read_with_its_unit(text: str, expected: float) -> None:
    assert seconds("--budget", text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "10", "h", "2 hours", "0s", "-1h", "1h x", "nan"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--budget .*: expected a time with its unit"):
        seconds("--budget", text)
