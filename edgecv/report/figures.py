"""Numbers as text: the template's filters. A value that was not measured is a dash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MISSING = "–"  # noqa: RUF001


def ms(value: float | None) -> str:
    """Milliseconds with three figures: 1.23, 12.3, 123."""
    if value is None:
        return MISSING
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def ap(value: float | None) -> str:
    """An average precision or another metric in [0, 1]."""
    return MISSING if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """A change with its sign, the minus as long as the plus."""
    if value is None:
        return MISSING
    if round(value, 3) == 0:
        return "0.000"
    return f"{value:+.3f}".replace("-", "−")  # noqa: RUF001


def interval(value: Sequence[float] | None) -> str:
    """Two ends of an interval."""
    return MISSING if value is None else f"{value[0]:.3f} to {value[1]:.3f}"


def loss_interval(value: Sequence[float] | None) -> str:
    """The interval of a loss as that of a change."""
    return MISSING if value is None else f"{signed(-value[1])} to {signed(-value[0])}"


def share(value: float | None) -> str:
    """A share in [0, 1] in percent; one decimal where it is small."""
    if value is None:
        return MISSING
    return f"{value:.0%}" if value >= 0.1 or value == 0 else f"{value:.1%}"


def megabytes(value: int | None) -> str:
    """Bytes in MB of 10^6."""
    return MISSING if value is None else f"{value / 1e6:.2f}"


def times(value: float | None) -> str:
    """A ratio."""
    return MISSING if value is None else f"{value:.2f}×"  # noqa: RUF001


def whole(value: float | None) -> str:
    return MISSING if value is None else f"{value:.0f}"


def decibel(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}"


def duration(seconds: float | None) -> str:
    """A time in the unit that suits it."""
    if seconds is None:
        return MISSING
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


FILTERS: dict[str, Callable[..., str]] = {
    f.__name__: f
    for f in (
        *(ms, ap, signed, interval, loss_interval, share),
        *(megabytes, times, whole, decibel, duration),
    )
}
