"""Whether a folder holds exactly the files that a manifest lists: no others, no links."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from edgecv.bundle import FileRecord, sha256_of
from edgecv.errors import BundleError

# what runs leave at the top of a bundle's folder; engines open none of it
WORKING = (".lock", ".stages", ".half-", ".build-")
NAMED = 5
AGAIN = "Make it again by the command that its report names"


def differences(
    folder: Path, files: Mapping[str, FileRecord], apart: Collection[str] = ()
) -> list[str]:
    """What is wrong with a folder, a line each; empty when all is as recorded.

    Args:
        folder: a bundle's.
        files: what must be there.
        apart: names, or names of folders, that somebody else looks after.
    """
    found, problems = set(), []
    for name, mode in _entries(folder):
        if _is_in(apart, name) and stat.S_ISREG(mode):
            continue
        found.add(name)
        if stat.S_ISLNK(mode):
            problems.append(f"{name} is a link")
        elif not stat.S_ISREG(mode):
            problems.append(f"{name} is no file")
        elif name not in files:
            problems.append(f"{name} is not in the manifest")
        elif not _is_as_recorded(folder / name, files[name]):
            problems.append(f"{name} is changed")
    return problems + [f"{name} is missing" for name in files if name not in found]


def strangers(
    folder: Path, files: Mapping[str, FileRecord], apart: Collection[str] = ()
) -> list[str]:
    """Names of files and links in a folder that nobody recorded; arguments of `differences`."""
    return [
        name
        for name, mode in _entries(folder)
        if name not in files and not (_is_in(apart, name) and stat.S_ISREG(mode))
    ]


def check_files(
    folder: Path, files: Mapping[str, FileRecord], apart: Collection[str] = (), again: str = AGAIN
) -> None:
    """Refuse a folder that holds not exactly the files that somebody recorded.

    Args:
        folder, files, apart: as of `differences`.
        again: what to do where a file is not as recorded.

    Raises:
        BundleError: naming what is wrong, and what to remove.
    """
    wrong = differences(folder, files, apart)
    added = strangers(folder, files, apart)
    steps = [f"Remove {named(added)}"] if added else []
    if len(wrong) > len(added):
        steps.append(again)
    refuse(folder, wrong, ". ".join(steps))


def named(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def refuse(folder: Path, problems: list[str], then: str) -> None:
    """Raise when there are problems.

    Args:
        folder: where.
        problems: of `differences`.
        then: what to do.

    Raises:
        BundleError: naming the first few.
    """
    if problems:
        raise BundleError(f"{folder}: not the files of its manifest: {named(problems)}. {then}")


def _is_in(apart: Collection[str], name: str) -> bool:
    return name in apart or name.partition("/")[0] in apart


def _entries(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and mode of all that is in a folder but folders; links are not followed.

    Of WORKING only what is no plain file: a link there would lead what is written elsewhere.
    """

    def unreadable(error: OSError) -> None:
        raise BundleError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for place, folders, files in os.walk(folder, onerror=unreadable):
        at_top = Path(place) == folder
        linked = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in sorted([*files, *linked]):
            path = Path(place) / name
            mode = path.lstat().st_mode
            if not (at_top and name.startswith(WORKING) and stat.S_ISREG(mode)):
                yield path.relative_to(folder).as_posix(), mode
        if at_top:
            folders[:] = [name for name in folders if not name.startswith(WORKING)]


def _is_as_recorded(path: Path, record: FileRecord) -> bool:
    return path.stat().st_size == record.size_bytes and sha256_of(path) == record.sha256
