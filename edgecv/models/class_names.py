"""Whose names a network's classes have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgecv.errors import UsageError
from edgecv.models.coco import COCO_80


def class_names(
    count: int,
    settings: Sequence[str] | None,
    stated: Sequence[str] | None,
    data: Path | None,
) -> tuple[str, ...]:
    """The first that there is of: the recipe's, the file's own, COCO's 80, those of the data.

    Args:
        count: classes of the network.
        settings: names of the recipe.
        stated: names that the file itself carries.
        data: folder of a data set; its names are taken when their number fits.

    Raises:
        UsageError: none of them, or names that do not fit the network.
    """
    if settings is not None:
        return _fitting(settings, count, "load.classes")
    if stated is not None:
        return _fitting(stated, count, "the metadata of the file")
    if count == len(COCO_80):
        return COCO_80
    found = "no data set was given"
    if data is not None:
        from edgecv.data.dataset import open_dataset

        names = open_dataset(data).class_names
        if len(names) == count:
            return _fitting(names, count, str(data))
        found = f"{data} has {len(names)}"
    raise UsageError(
        f"the network has {count} classes and nothing tells their names ({found}). "
        "Give them in order: --set load.classes=[scratch,dent,...]"
    )


def _fitting(names: Sequence[str], count: int, origin: str) -> tuple[str, ...]:
    if len(names) != count:
        raise UsageError(
            f"{origin} names {len(names)} classes, the network has {count}; "
            f"give {count} names in order: --set load.classes=[...]"
        )
    doubles = sorted({name for name in names if list(names).count(name) > 1})
    unusable = [name for name in names if not name.strip() or "\n" in name]
    if doubles or unusable:
        raise UsageError(
            f"{origin}: class names must differ and be one line each; found "
            f"{', '.join(repr(name) for name in (doubles + unusable)[:3])}"
        )
    return tuple(names)
