"""Messages of a training that a stage other than `train` runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from edgecv.errors import EdgecvError

NAMED = re.compile(r"(?<![\w./-])train\.(?=[a-z])")


@contextmanager
def settings_in(section: str) -> Iterator[None]:
    """Let errors name the settings of a training where the recipe has them.

    Args:
        section: e.g. distill.train.
    """
    try:
        yield
    except EdgecvError as error:
        error.args = (NAMED.sub(f"{section}.", str(error)),)
        raise
