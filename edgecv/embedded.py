"""The pictures of the detector that comes with edgecv: nothing to give, nothing to fetch.

They are drawn by the rules in `calibration/` when they are first wanted, and kept.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from edgecv.bundle import sha256_of
from edgecv.cache import cache_folder
from edgecv.data.conveyor.rule import read_rule
from edgecv.data.conveyor.write import write_dataset
from edgecv.models.download import EMBEDDED
from edgecv.recipe_file import packaged_folder
from edgecv.stages import Context

# rules for pictures to measure ranges on, and for pictures to score on
CALIBRATION, TEST = f"{EMBEDDED}.yaml", f"{EMBEDDED}_test.yaml"


def with_pictures(context: Context) -> Context:
    """A context that is given no pictures, with those of the conveyor.

    Raises:
        OSError: the cache cannot be written.
    """
    return replace(context, data=drawn(TEST), calibration=drawn(CALIBRATION))


def drawn(rule: str) -> Path:
    """A data set drawn by a rule of `calibration/`: from the cache, else into it.

    Args:
        rule: name of the rule's file.
    """
    path = packaged_folder("calibration") / rule
    folder = cache_folder() / "pictures" / _identity(path) / path.stem
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    asked = read_rule(path)
    # beside its place, so that a folder of that name is always whole
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{path.stem}-") as unfinished:
        made = Path(unfinished) / path.stem
        write_dataset(made, asked.seed, asked.images, asked.size_wh)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # another run drew the same at the same time
                raise
    return folder


def _identity(rule: Path) -> str:
    """Of all that decides the pictures: the rule and the code that draws them."""
    sources = sorted((Path(__file__).parent / "data" / "conveyor").glob("*.py"))
    lines = [sha256_of(path) for path in (rule, *sources)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]
