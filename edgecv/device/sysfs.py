"""Words and numbers in the files of /sys, /proc and /etc."""

from __future__ import annotations

import math
from pathlib import Path


def read_text(path: Path) -> str | None:
    """A file's text without the white space around it; None where it cannot be read.

    Files of the device tree end in a zero byte, which is taken off as well.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content.decode("utf-8", errors="replace").strip("\0 \t\n")


def read_number(path: Path) -> float | None:
    """The finite number that a file holds; None where it holds none or cannot be read.

    A sensor that is switched off has a file whose reading fails.
    """
    return number_of(read_text(path) or "")


def number_of(text: str) -> float | None:
    """The finite number that a word is, or None: JSON knows neither nan nor inf."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
