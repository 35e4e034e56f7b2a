"""Check a data set before it is trained on: all that is wrong with it, and what is worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecv.data.check.advice import class_problems, warnings
from edgecv.data.check.looks import Look, look_at
from edgecv.data.check.parts import Part, describe
from edgecv.data.check.twins import Twins, find_twins
from edgecv.data.dataset import Dataset, format_of, read_dataset, split_names
from edgecv.data.pictures import find_pictures
from edgecv.errors import DataError

ALL = "all"
ORDER = ("train", "val", "test")  # then any other part by name

__all__ = ["Checked", "Findings", "check"]


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Attributes:
        folder, format: what was checked.
        input_size: side of the network's input that sizes are given for.
        class_names: of all parts, in the order in which they first occur.
        parts: train, val and test first.
        twins: pictures that are there twice.
        unlisted: picture files in the folder that no part lists.
        problems: what training would refuse beside those of the parts.
        warnings: what it would not, and is worth a look; a line each.
    """

    folder: str
    format: str
    input_size: int
    class_names: tuple[str, ...]
    parts: tuple[Part, ...]
    twins: tuple[Twins, ...]
    unlisted: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def refused(self) -> int:
        """Problems, those of the parts included."""
        return len(self.problems) + sum(len(part.problems) for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "refused": self.refused}


@dataclass(frozen=True)
class Checked:
    """Findings, and the parts that they are about, for a page that shows some of them."""

    findings: Findings
    datasets: dict[str, Dataset]


def check(folder: Path, split: str | None = None, input_size: int = 416) -> Checked:
    """Read all parts of a data set and every picture in them.

    Args:
        folder: of a format that `open_dataset` knows.
        split: the only part to check; None: all.
        input_size: side of the network's square input in pixels.

    Raises:
        DataError: no format or two formats recognised, or no such split.
    """
    names = _ordered(split_names(folder)) if split is None else [split]
    datasets, problems, refused = _read(folder, names, split)
    looks = _look_at_all(datasets)
    parts = tuple(
        describe(name, dataset, looks[name], problems[name], input_size)
        for name, dataset in datasets.items()
    )
    twins = tuple(find_twins(looks))
    unlisted = _unlisted(folder, datasets) if split is None else 0
    findings = Findings(
        folder=str(folder),
        format=format_of(folder),
        input_size=input_size,
        class_names=tuple(dict.fromkeys(n for d in datasets.values() for n in d.class_names)),
        parts=parts,
        twins=twins,
        unlisted=unlisted,
        problems=(*refused, *class_problems(parts)),
        warnings=warnings(parts, twins, unlisted),
    )
    return Checked(findings, datasets)


def _ordered(names: Sequence[str]) -> list[str]:
    def place(name: str) -> tuple[int, str]:
        known = [index for index, start in enumerate(ORDER) if name.startswith(start)]
        return (known or [len(ORDER)])[0], name

    return sorted(names, key=place)


def _read(
    folder: Path, names: Sequence[str], split: str | None
) -> tuple[dict[str, Dataset], dict[str, list[str]], list[str]]:
    """The parts that can be read, the problems in each, and why the others cannot be read."""
    datasets: dict[str, Dataset] = {}
    problems: dict[str, list[str]] = {}
    refused: list[str] = []
    wanted: Sequence[str | None] = names or [None]
    for name in wanted:
        try:
            datasets[name or ALL], problems[name or ALL] = read_dataset(folder, name)
        except DataError as error:
            if split is not None:
                raise
            refused.append(str(error))
    return datasets, problems, refused


def _look_at_all(datasets: dict[str, Dataset]) -> dict[str, Sequence[Look]]:
    # a picture that two parts list is read once
    paths = list({s.path: None for dataset in datasets.values() for s in dataset.samples})
    looks = dict(zip(paths, look_at(paths), strict=True))
    return {name: [looks[s.path] for s in d.samples] for name, d in datasets.items()}


def _unlisted(folder: Path, datasets: dict[str, Dataset]) -> int:
    listed = {s.path.resolve() for dataset in datasets.values() for s in dataset.samples}
    try:
        return sum(path.resolve() not in listed for path in find_pictures(folder))
    except DataError:
        return 0
