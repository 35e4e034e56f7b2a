from __future__ import annotations

import pytest

from edgecv.report import figures


@pytest.mark.parametrize("name", sorted(figures.FILTERS))
def test_what_was_not_measured_is_a_dash(name: str) -> None:
    assert figures.FILTERS[name](None) == figures.MISSING


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ms", 1.234, "1.23"),
        ("ms", 12.34, "12.3"),
        ("ms", 123.4, "123"),
        ("ap", 0.25149, "0.251"),
        ("signed", 0.0021, "+0.002"),
        ("signed", -0.0021, "−0.002"),  # noqa: RUF001
        ("signed", -0.0004, "0.000"),
        ("interval", (0.1, 0.2), "0.100 to 0.200"),
        ("loss_interval", (-0.004, 0.01), "−0.010 to +0.004"),  # noqa: RUF001
        ("share", 0.934, "93%"),
        ("share", 0.0031, "0.3%"),
        ("share", 0.0, "0%"),
        ("share", 1.0, "100%"),
        ("megabytes", 3_690_000, "3.69"),
        ("duration", 99.4, "99 s"),
        ("duration", 840, "14 min"),
        ("duration", 9000, "2.5 h"),
        ("times", 1.5, "1.50×"),  # noqa: RUF001
        ("whole", 118.6, "119"),
        ("decibel", 19.34, "19.3"),
    ],
)
def test_a_figure_is_written_with_the_digits_that_matter(
    name: str, value: object, text: str
) -> None:
    assert figures.FILTERS[name](value) == text
