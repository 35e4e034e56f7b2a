"""Pascal VOC xml: `Annotations/*.xml`, pictures in `JPEGImages/`, splits in `ImageSets/Main/`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from edgecv.data.pictures import SUFFIXES
from edgecv.data.samples import Dataset, Mark, make_sample
from edgecv.errors import DataError

# ImageSets/Main also lists the pictures of each class, and trainval, which is two of these
SPLITS = ("test", "train", "val")
LOOKED_FOR = "Annotations/*.xml, or *.xml beside the pictures (VOC)"


def find(folder: Path) -> list[Path]:
    """Annotation files of this format in a folder, sorted."""
    return sorted((folder / "Annotations").glob("*.xml")) or sorted(folder.glob("*.xml"))


def splits(folder: Path) -> list[str]:
    """Which of train, val and test there is a list for, sorted."""
    return [name for name in SPLITS if _listing(folder, name).is_file()]


def read(folder: Path, split: str | None) -> tuple[Dataset, list[str]]:
    """The data set, and what is wrong with its annotations.

    Its classes are the names that occur, sorted. Objects marked `difficult` become crowd: VOC
    too leaves them out of scoring.

    Args:
        folder: holds what `find` found.
        split: name of a list in ImageSets/Main; None: every annotation file.

    Raises:
        DataError: there is no such list.
    """
    problems: list[str] = []
    roots = []
    for path in _chosen(folder, split, problems):
        try:
            roots.append((path, ElementTree.parse(path).getroot()))  # noqa: S314 (local file)
        except (OSError, ElementTree.ParseError) as error:
            problems.append(f"{path.name}: not XML ({error})")
    names = sorted({name for _, root in roots for name in _names(root)})
    samples = []
    for index, (path, root) in enumerate(roots):
        size = _number(root, "size/width"), _number(root, "size/height")
        if size[0] is None or size[1] is None:
            problems.append(f"{path.name}: no size/width and size/height")
            continue
        marks = _marks(path, root, names, problems)
        picture = _picture(folder, path, root)
        samples.append(make_sample(picture, index, (int(size[0]), int(size[1])), marks))
    title = folder.name if split is None else f"{folder.name} {split}"
    return Dataset(title, folder, "voc", tuple(names), tuple(samples)), problems


def _chosen(folder: Path, split: str | None, problems: list[str]) -> list[Path]:
    files = find(folder)
    if split is None:
        return files
    listing = _listing(folder, split)
    if not listing.is_file():
        raise DataError(f"{folder}: no split '{split}': expected the list {listing}")
    by_stem = {path.stem: path for path in files}
    wanted = listing.read_text("utf-8").split()
    problems += [
        f"{name}: listed in {listing.name}, no xml" for name in wanted if name not in by_stem
    ]
    return [by_stem[name] for name in wanted if name in by_stem]


def _listing(folder: Path, split: str) -> Path:
    return folder / "ImageSets" / "Main" / f"{split}.txt"


def _names(root: ElementTree.Element) -> list[str]:
    return [name for item in root.findall("object") if (name := item.findtext("name", "").strip())]


def _number(element: ElementTree.Element, tag: str) -> float | None:
    try:
        return float(element.findtext(tag, ""))
    except ValueError:
        return None


def _marks(
    path: Path, root: ElementTree.Element, names: list[str], problems: list[str]
) -> list[Mark]:
    found = []
    for number, item in enumerate(root.findall("object"), 1):
        name = item.findtext("name", "").strip()
        sides = [_number(item, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        left, top, right, bottom = sides
        if not name or left is None or top is None or right is None or bottom is None:
            problems.append(f"{path.name}: object {number} needs a name and a bndbox of 4 numbers")
            continue
        # VOC counts pixels from 1 and includes the last one
        box = (left - 1, top - 1, right, bottom)
        found.append(Mark(box, names.index(name), _number(item, "difficult") == 1))
    return found


def _picture(folder: Path, path: Path, root: ElementTree.Element) -> Path:
    """The picture of an annotation: the file it names, else the one with its own name."""
    stated = root.findtext("filename", "").strip()
    candidates = [stated, *(path.stem + suffix for suffix in SUFFIXES)]
    places = [folder / "JPEGImages", folder / "images", path.parent, folder]
    for name in filter(None, candidates):
        for place in places:
            if (place / name).is_file():
                return place / name
    return places[0] / (stated or path.stem)
