"""YOLO txt: `data.yaml` with class names and splits, `images/` and `labels/` side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edgecv.data.pictures import find_pictures, picture_size
from edgecv.data.samples import Dataset, Mark, make_sample
from edgecv.errors import DataError

LOOKED_FOR = "data.yaml (YOLO)"
SPLITS = ("train", "val", "test")


def find(folder: Path) -> list[Path]:
    """Annotation files of this format in a folder."""
    return [path for name in ("data.yaml", "data.yml") if (path := folder / name).is_file()]


def splits(folder: Path) -> list[str]:
    """The splits that data.yaml names, sorted.

    Raises:
        DataError: it cannot be understood.
    """
    return sorted(_present(_load(find(folder)[0])))


def read(folder: Path, split: str | None) -> tuple[Dataset, list[str]]:
    """The data set, and what is wrong with its labels; a picture without a label file is empty.

    Args:
        folder: holds what `find` found.
        split: a key of data.yaml; None: the only one, else val.

    Raises:
        DataError: data.yaml cannot be understood, or lacks the split or its pictures.
    """
    path = find(folder)[0]
    content = _load(path)
    class_names = _class_names(path, content)
    chosen = _choose(path, content, split)
    pictures = _pictures(path, content, chosen)
    labels = [_label_of(picture) for picture in pictures]
    if not any(label.is_file() for label in labels):
        raise DataError(f"{path}: no label file for any picture of '{chosen}'; e.g. {labels[0]}")
    problems: list[str] = []
    samples = []
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        try:
            size = picture_size(picture)
        except DataError as error:
            problems.append(str(error).replace(str(picture), picture.name))
            continue
        marks = _marks(label, size, len(class_names), problems)
        samples.append(make_sample(picture, index, size, marks))
    name = f"{folder.name} {chosen}"
    return Dataset(name, folder, "yolo", class_names, tuple(samples)), problems


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected the keys 'names' and 'val' or 'train'")
    return content


def _class_names(path: Path, content: dict[str, Any]) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: 'names' should list the classes, in order from 0")
    count = content.get("nc", len(names))
    if count != len(names):
        raise DataError(f"{path}: 'nc' is {count}, but 'names' has {len(names)} classes")
    return tuple(str(name) for name in names)


def _present(content: dict[str, Any]) -> list[str]:
    return [name for name in SPLITS if content.get(name)]


def _choose(path: Path, content: dict[str, Any], split: str | None) -> str:
    present = _present(content)
    wanted = split or (present[0] if len(present) == 1 else "val")
    if wanted not in present:
        have = ", ".join(present) or "none"
        raise DataError(f"{path}: no split '{wanted}'; it has {have}")
    return wanted


def _pictures(path: Path, content: dict[str, Any], split: str) -> list[Path]:
    # 'path' is often the folder of another machine: then the splits are beside data.yaml
    root = path.parent / str(content.get("path") or "")
    root = root if root.is_dir() else path.parent
    entries = content[split] if isinstance(content[split], list) else [content[split]]
    found: list[Path] = []
    for entry in map(str, entries):
        # exporters write '../valid/images' for a folder that is beside data.yaml
        places = [root / entry, root / entry.removeprefix("../")]
        place = next((place for place in places if place.exists()), places[0])
        found += _listed(place) if place.is_file() else find_pictures(place)
    return found


def _listed(listing: Path) -> list[Path]:
    """Pictures that a text file names, one a line, relative to it."""
    return [
        listing.parent / line.strip() for line in listing.read_text("utf-8").split("\n") if line
    ]


def _label_of(picture: Path) -> Path:
    """The label file of a picture: `labels` in place of the last folder named `images`."""
    parts = list(picture.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("images")
        parts[last] = "labels"
    return Path(*parts).with_suffix(".txt")


def _marks(label: Path, size_wh: tuple[int, int], classes: int, problems: list[str]) -> list[Mark]:
    if not label.is_file():
        return []
    found = []
    for number, line in enumerate(label.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{label.name} line {number}"
        try:
            class_id, x, y, width, height = (float(word) for word in line.split())
        except ValueError:
            problems.append(f"{where}: expected 'class x y width height', found '{line[:60]}'")
            continue
        if not 0 <= class_id < classes or class_id != int(class_id):
            problems.append(f"{where}: unknown category {class_id:g}; data.yaml has {classes}")
            continue
        across, down = size_wh
        box = (
            (x - width / 2) * across,
            (y - height / 2) * down,
            (x + width / 2) * across,
            (y + height / 2) * down,
        )
        found.append(Mark(box, int(class_id)))
    return found
