"""The output folder of a run: results of stages, kept to be reused, and the bundle, published.

    out/
      manifest.json ...        the published bundle, replaced as a whole
      .lock                    held by the run that works here
      .stages/NAME-KEY/        a complete bundle: all files up to that stage
      .stages/.tmp-*           what a stage is writing now, or was when it was killed
      .half-NAME/              checkpoints and logs of a stage that can go on in its middle

A stage's folder gets its name when it is complete; nothing changes in it after that. Files that
two folders share are hard links.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecv.bundle import BUILT, MANIFEST, SIGNATURE, Bundle, Manifest, write_atomically
from edgecv.errors import BundleError
from edgecv.output import STAGES_FOLDER, TEMPORARY
from edgecv.plan import Step
from edgecv.progress import say


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


def check_same(out: Path, keys: list[str]) -> None:
    """Refuse a folder whose published bundle does not begin with the steps that have these keys.

    Raises:
        BundleError: saying so.
    """
    former = _published(out)
    if former is not None and _keys(former)[: len(keys)] != keys:
        raise BundleError(
            f"{out}: holds the finished result of another call (other settings, weights, data, or "
            "another version of edgecv). Name another folder with --out, or replace it with --fresh"
        )


def half_done(out: Path, name: str) -> Path:
    """Where a stage keeps what it needs to go on in its middle."""
    return out / f".half-{name}"


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
    # of the former bundle
    (out / SIGNATURE).unlink(missing_ok=True)
    shutil.rmtree(out / BUILT, ignore_errors=True)
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
