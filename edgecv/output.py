"""Whether a run may write into its output folder, whether there is room, and that it is alone."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecv.bundle import MANIFEST, Bundle
from edgecv.errors import BundleError

STAGES_FOLDER = ".stages"
LOCK = ".lock"
TEMPORARY = ".tmp-"

# what a run takes beside copies of the network: graphs of small ones, report, manifests
LEAST_ROOM = 20_000_000
# weights, graph, and two files for each of three engines, as large as the weights at most
FILES = 10


def check_output(out: Path) -> None:
    """Refuse a folder that a bundle must not be written into; touches nothing.

    Raises:
        BundleError: it is a file, holds something else, or cannot be written to.
    """
    if out.is_dir():
        names = {path.name for path in out.iterdir()}
        ours = STAGES_FOLDER in names or (MANIFEST in names and _is_bundle(out))
        if names - {LOCK} and not ours:
            raise BundleError(
                f"{out}: holds something else ({', '.join(sorted(names)[:3])}), no bundle. "
                "Name another folder with --out, or empty this one"
            )
    elif out.exists() or out.is_symlink():
        raise BundleError(f"{out}: is no folder. Name another with --out")
    parent = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise BundleError(f"{out}: cannot write in {parent}. Name another folder with --out")


def _is_bundle(folder: Path) -> bool:
    # many programs write a manifest.json
    try:
        Bundle.open(folder)
    except BundleError:
        return False
    return True


def check_room(out: Path, weights: str | None) -> None:
    """Refuse a disk that the result will hardly fit on.

    Raises:
        BundleError: saying how much there is and how much is needed, roughly.
    """
    path = Path(weights or "").expanduser()
    size = path.stat().st_size if path.is_file() else 0
    needed = LEAST_ROOM + FILES * size
    parent = next(path for path in (out, *out.absolute().parents) if path.exists())
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise BundleError(
            f"{out}: {free / 1e6:.0f} MB free on the disk, about {needed / 1e6:.0f} MB are needed. "
            "Make room, or name a folder on another disk with --out"
        )


def room_hint(out: Path) -> str:
    """What to add to a failure on a disk that is nearly full; libraries seldom say so."""
    free = shutil.disk_usage(out).free
    return f" ({free / 1e6:.1f} MB free on this disk)" if free < LEAST_ROOM else ""


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Work in a folder alone; it is made when absent.

    Raises:
        BundleError: another run works there, or the folder cannot be made, or holds a link.
    """
    try:
        (out / STAGES_FOLDER).mkdir(parents=True, exist_ok=True)
        _check_links(out)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        lock = os.fdopen(os.open(out / LOCK, flags, 0o666), "a+", encoding="utf-8")
    except OSError as error:
        raise BundleError(
            f"{out}: cannot write there ({error.strerror}). Name another folder with --out"
        ) from error
    with lock:
        try:
            # the system lets go of it when the process ends, however it ends
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise BundleError(
                f"{out}: process {lock.read().strip() or 'unknown'} works there now. "
                "Wait for it, or name another folder with --out"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        _remove_temporary(out)
        yield


def _check_links(out: Path) -> None:
    """Refuse to write through a link, which may have come with a bundle, to wherever it leads."""
    links = [path.name for path in out.iterdir() if path.is_symlink()]
    if links:
        raise BundleError(
            f"{out}: {links[0]} is a link, and nothing is written through one. Remove it"
        )


def _remove_temporary(out: Path) -> None:
    for folder in (out / STAGES_FOLDER).glob(f"{TEMPORARY}*"):
        shutil.rmtree(folder)
