"""COCO json: `instances.json`, `instances_SPLIT.json` or `annotations/*.json`, and pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from edgecv.data.samples import Dataset, Mark, make_sample
from edgecv.errors import DataError

LOOKED_FOR = "instances.json, instances_SPLIT.json or annotations/*.json (COCO)"


def find(folder: Path) -> list[Path]:
    """Annotation files of this format in a folder, sorted."""
    direct = sorted(folder.glob("instances*.json"))
    nested = sorted((folder / "annotations").glob("*.json"))
    # the official folder also holds captions and keypoints of the same pictures
    return direct or [path for path in nested if path.stem.startswith("instances")] or nested


def splits(folder: Path) -> list[str]:
    """What the annotation files are named after, sorted; empty for `instances.json` alone."""
    return sorted(filter(None, map(_split_of, find(folder))))


def read(folder: Path, split: str | None) -> tuple[Dataset, list[str]]:
    """The data set, and what is wrong with its annotations.

    Args:
        folder: holds what `find` found.
        split: part of the annotation file's name, e.g. val; None: the only file, else val.

    Raises:
        DataError: no file for that split, or one that is not COCO json.
    """
    path = _choose(folder, find(folder), split)
    images, annotations, categories = _load(path)
    problems: list[str] = []
    ids = sorted(category["id"] for category in categories)
    if len(set(ids)) < len(ids):
        problems.append(f"{path.name}: two categories share an id")
    names = {category["id"]: str(category["name"]) for category in categories}
    marks = _marks(annotations, {key: index for index, key in enumerate(sorted(names))}, problems)
    samples = []
    for image in images:
        try:
            size = int(image["width"]), int(image["height"])
            where = _picture(folder, _split_of(path), str(image["file_name"]))
            samples.append(make_sample(where, int(image["id"]), size, marks.pop(image["id"], [])))
        except (KeyError, TypeError, ValueError):
            problems.append(f"{path.name}: an image needs id, width, height, file_name: {image}")
    problems += [f"{path.name}: annotations of image {key}, which is not listed" for key in marks]
    if len({sample.image_id for sample in samples}) < len(samples):
        problems.append(f"{path.name}: two images share an id")
    class_names = tuple(names[key] for key in sorted(names))
    title = folder.name if split is None else f"{folder.name} {split}"
    return Dataset(title, folder, "coco", class_names, tuple(samples)), problems


def _choose(folder: Path, files: list[Path], split: str | None) -> Path:
    if split is None and len(files) == 1:
        return files[0]
    wanted = split or "val"
    named = [path for path in files if _split_of(path) == wanted]
    matching = named or [path for path in files if wanted in path.stem]
    if len(matching) == 1:
        return matching[0]
    raise DataError(
        f"{folder}: {len(matching)} annotation files for the split '{wanted}', expected one; "
        f"there are {', '.join(path.name for path in files)}"
    )


def _load(path: Path) -> tuple[list[Any], list[Any], list[Any]]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    parts = [
        content.get(key) if isinstance(content, dict) else None
        for key in ("images", "annotations", "categories")
    ]
    images, annotations, categories = parts
    if not (
        isinstance(images, list) and isinstance(annotations, list) and isinstance(categories, list)
    ):
        raise DataError(f"{path}: expected the lists 'images', 'annotations' and 'categories'")
    if not all(
        isinstance(item, dict) and isinstance(item.get("id"), int) and "name" in item
        for item in categories
    ):
        raise DataError(f"{path}: a category needs a whole number 'id' and a 'name'")
    return images, annotations, categories


def _marks(
    annotations: list[Any], class_ids: dict[int, int], problems: list[str]
) -> dict[int, list[Mark]]:
    found: dict[int, list[Mark]] = defaultdict(list)
    for annotation in annotations:
        try:
            left, top, width, height = (float(value) for value in annotation["bbox"])
            class_id = class_ids.get(annotation["category_id"])
            if class_id is None:
                category = annotation["category_id"]
                problems.append(f"annotation {annotation.get('id')}: unknown category {category}")
                continue
            box = (left, top, left + width, top + height)
            area = None if annotation.get("area") is None else float(annotation["area"])
            mark = Mark(box, class_id, bool(annotation.get("iscrowd", 0)), area)
            found[annotation["image_id"]].append(mark)
        except (KeyError, TypeError, ValueError, AttributeError):
            problems.append(f"an annotation needs image_id, category_id, bbox of 4: {annotation}")
    return found


def _split_of(path: Path) -> str:
    return path.stem.removeprefix("instances").lstrip("_")


def _picture(folder: Path, split: str, name: str) -> Path:
    roots = [folder / "images", folder]
    if split:
        roots += [folder / split, folder / "images" / split]
    return next((root / name for root in roots if (root / name).is_file()), roots[0] / name)
