"""The folder of a sweep.

out/
  sweep.json            the result so far, and what the next call goes on from
  sweep.html            the same on a page
  variants/NAME/        a bundle, with what its run goes on from
  variants/NAME.log     what its run said
  .lock                 held by the sweep that works here
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from edgecv.bundle import write_atomically
from edgecv.errors import BundleError, UsageError
from edgecv.sweep.schema import Sweep, SweepVariant

RECORD, PAGE, VARIANTS, LOCK = "sweep.json", "sweep.html", "variants", ".lock"


def read_sweep(out: Path) -> Sweep | None:
    """What a folder holds; None where there is no folder, or nothing in it.

    Raises:
        UsageError: it is a file, holds something else, or a record that cannot be read.
    """
    path = out / RECORD
    if not path.is_file():
        if out.exists() and (
            not out.is_dir() or {p.name for p in out.iterdir()} - {LOCK, VARIANTS}
        ):
            raise UsageError(f"{out}: holds no sweep. Name another folder, or empty this one")
        return None
    try:
        return Sweep.model_validate_json(path.read_text("utf-8"))
    except (ValidationError, ValueError) as error:
        raise UsageError(
            f"{path}: not a record of a sweep that this version can read. Name another folder"
        ) from error


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Work in a sweep's folder alone; it is made when absent.

    Raises:
        BundleError: another sweep works there, or it cannot be made.
    """
    try:
        (out / VARIANTS).mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{out}: cannot write there ({error.strerror})") from error
    with lock:
        try:
            # the system lets go of it when the process ends, however it ends
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BundleError(f"{out}: another sweep works there now. Wait for it") from error
        yield


class Ledger:
    """The record of a sweep, on the disk at any time as it is here.

    Attributes:
        sweep: the record; `change` replaces it.
    """

    def __init__(self, out: Path, sweep: Sweep) -> None:
        self.out, self.sweep = out, sweep

    def variant(self, name: str) -> SweepVariant:
        return next(one for one in self.sweep.variants if one.name == name)

    def change(self, name: str, **changes: object) -> None:
        """Change one variant, and write."""
        variants = tuple(
            one.model_copy(update=changes) if one.name == name else one
            for one in self.sweep.variants
        )
        self.replace(self.sweep.model_copy(update={"variants": variants}))

    def replace(self, sweep: Sweep) -> None:
        """Take another record, and write."""
        self.sweep = sweep
        write_atomically(self.out / RECORD, sweep.model_dump_json(indent=1) + "\n")


def folder_of(out: Path, name: str) -> Path:
    """Where a variant's bundle is made."""
    return out / VARIANTS / name


def log_of(out: Path, name: str) -> Path:
    """Where the output of its runs is."""
    return out / VARIANTS / f"{name}.log"


def reason_in(log: Path) -> str:
    """The message that a run which failed ended with; its last line where it gave none."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 8192), os.SEEK_SET)
        lines = stream.read().decode("utf-8", "replace").splitlines()
    said = [line.removeprefix("edgecv: ") for line in lines if line.startswith("edgecv: ")]
    return (said or [line for line in lines if line.strip()] or ["it said nothing"])[-1]
