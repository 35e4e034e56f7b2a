"""Times as one types them: 2h, 1h30m, 90s, 10ms."""

from __future__ import annotations

import re

from edgecv.errors import UsageError

UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|min|s|m|h|d)")


def seconds(option: str, text: str) -> float:
    """Seconds of a time such as 2h, 1h30m, 90s or 10ms.

    Args:
        option: its name, for the message.
        text: numbers with units and nothing between.

    Raises:
        UsageError: anything else, or no time at all.
    """
    parts = PART.findall(text.strip())
    whole = "".join(number + unit for number, unit in parts)
    total = sum(float(number) * UNITS[unit] for number, unit in parts)
    if whole != text.strip() or not total:
        known = ", ".join(UNITS)
        raise UsageError(f"{option} {text}: expected a time with its unit ({known}), e.g. 1h30m")
    return total
