"""The output folder of a run: results of stages, kept to be reused, and the bundle, published.

    out/
      manifest.json ...        the published bundle, replaced as a whole
      .lock                    held by the run that works here
      .stages/NAME-KEY/        a complete bundle: all files up to that stage
      .stages/.tmp-*           what a stage is writing now, or was when it was killed

A stage's folder gets its name when it is complete; nothing changes in it after that. Files that
two folders share are hard links.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecv.bundle import MANIFEST, Bundle, Manifest, write_atomically
from edgecv.errors import BundleError
from edgecv.plan import Step
from edgecv.progress import say

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
        if names - {LOCK} and not names & {MANIFEST, STAGES_FOLDER}:
            raise BundleError(
                f"{out}: holds something else ({', '.join(sorted(names)[:3])}), no bundle. "
                "Name another folder with --out, or empty this one"
            )
    elif out.exists() or out.is_symlink():
        raise BundleError(f"{out}: is no folder. Name another with --out")
    parent = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise BundleError(f"{out}: cannot write in {parent}. Name another folder with --out")


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
        BundleError: another run works there, or the folder cannot be made.
    """
    try:
        (out / STAGES_FOLDER).mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK).open("a+", encoding="utf-8")
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


def find_result(out: Path, step: Step) -> Bundle | None:
    """The complete result of a step, or None; one that has changed since is thrown away."""
    folder = out / STAGES_FOLDER / step.folder
    if not has_result(out, step):
        return None
    try:
        bundle = Bundle.open(folder)
        changed = bundle.verify()
    except BundleError:
        changed = [MANIFEST]
    if not changed:
        return bundle
    say(f"{folder}: {', '.join(changed)} changed since stage {step.name} wrote it; made again")
    shutil.rmtree(folder)
    return None


def has_result(out: Path, step: Step) -> bool:
    """Whether there is a folder for exactly this step, without a look at its files."""
    return (out / STAGES_FOLDER / step.folder / MANIFEST).is_file()


@contextmanager
def new_result(out: Path, step: Step, before: Bundle | None) -> Iterator[Bundle]:
    """A bundle to work on, with all files of the one before; kept if the block ends without error.

    The bundle's folder is another after the block.
    """
    stages = out / STAGES_FOLDER
    folder = stages / f"{TEMPORARY}{step.name}"
    try:
        folder.mkdir()
        bundle = Bundle(folder, before.manifest if before else Manifest())
        if before:
            _link_files(before, folder)
        yield bundle
        bundle.save()
        final = stages / step.folder
        shutil.rmtree(final, ignore_errors=True)
        os.rename(folder, final)
        bundle.folder = final
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def publish(out: Path, bundle: Bundle) -> Bundle:
    """Make a complete result the bundle of the output folder, and forget all other results.

    What `edgecv build` added to the same bundle since then stays.
    """
    former = _published(out)
    if former is None or _keys(former) != _keys(bundle) or former.verify():
        _replace(out, bundle, former)
    kept = {f"{record.stage}-{record.key[:12]}" for record in bundle.manifest.history}
    for folder in (out / STAGES_FOLDER).iterdir():
        if folder.name not in kept:
            shutil.rmtree(folder)
    return Bundle.open(out)


def _replace(out: Path, bundle: Bundle, former: Bundle | None) -> None:
    staging = out / STAGES_FOLDER / f"{TEMPORARY}publish"
    staging.mkdir()
    # all that can fail for want of room comes first
    _link_files(bundle, staging)
    for name in bundle.manifest.files:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # a rename onto another link of the same file does nothing, also where it should
        if not (target.exists() and target.samefile(staging / name)):
            os.replace(staging / name, target)
    for name in former.manifest.files if former else ():
        if name not in bundle.manifest.files:
            (out / name).unlink(missing_ok=True)
            _remove_empty(out, (out / name).parent)
    write_atomically(out / MANIFEST, bundle.path(MANIFEST).read_text("utf-8"))


def _published(out: Path) -> Bundle | None:
    try:
        return Bundle.open(out)
    except BundleError:
        return None  # none yet, or a damaged manifest, which is replaced


def _keys(bundle: Bundle) -> list[str]:
    return [record.key for record in bundle.manifest.history]


def _link_files(bundle: Bundle, folder: Path) -> None:
    for name in bundle.manifest.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(bundle.path(name), target)
        except OSError:  # a file system without hard links
            shutil.copyfile(bundle.path(name), target)


def _remove_empty(out: Path, folder: Path) -> None:
    while folder != out and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _remove_temporary(out: Path) -> None:
    for folder in (out / STAGES_FOLDER).glob(f"{TEMPORARY}*"):
        shutil.rmtree(folder)
