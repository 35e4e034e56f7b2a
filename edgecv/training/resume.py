"""All that a training needs to go on after its last step as if it had never stopped."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from edgecv.errors import EdgecvError, UsageError
from edgecv.models.checkpoint import NOTHING, About, write_checkpoint
from edgecv.recipe import TrainSettings

CHECKPOINT, BEST = "last.pt", "best.safetensors"

SHOWN = 3


def identity(settings: TrainSettings, inputs: Mapping[str, str | int]) -> dict[str, Any]:
    """What decides the result of a training: its settings by dotted name, and its inputs."""
    found: dict[str, Any] = dict(inputs)
    for name, value in settings.model_dump(mode="json").items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        found |= {f"train.{name}.{key}".rstrip("."): one for key, one in inner}
    return found


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Replace the checkpoint in one step; the former one stays until the new one is whole.

    Raises:
        OSError: e.g. the disk is full; nothing is left behind.
    """
    whole = io.BytesIO()
    torch.save(dict(state), whole)
    replace_with(folder / CHECKPOINT, lambda path: path.write_bytes(whole.getbuffer()))


def write_best(folder: Path, weights: Mapping[str, torch.Tensor], about: About = NOTHING) -> None:
    """Replace the best weights in one step."""
    replace_with(folder / BEST, lambda path: write_checkpoint(path, weights, about))


def replace_with(path: Path, write: Any) -> None:
    """Replace a file by what `write(temporary path)` writes, in one step.

    Raises:
        OSError: naming the file.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise


def read_state(folder: Path, of: Mapping[str, Any]) -> dict[str, Any] | None:
    """The checkpoint of a training, on the CPU; None where none was written.

    Args:
        folder: of the training.
        of: the identity of what is to be trained now.

    Raises:
        EdgecvError: it cannot be read.
        UsageError: it is of another training.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        had = state["of"]
    # a damaged file surfaces as whatever the reader stumbles over first
    except Exception as error:
        raise EdgecvError(
            f"{path}: not a whole checkpoint ({type(error).__name__}), so the training cannot go "
            "on from it. Remove it, or begin again with --fresh"
        ) from error
    differing = [name for name in {**had, **of} if had.get(name) != of.get(name)]
    if differing:
        named = [_change(name, had.get(name), of.get(name)) for name in differing[:SHOWN]]
        more = ", ..." if len(differing) > SHOWN else ""
        raise UsageError(
            f"{folder}: holds an unfinished training of other settings or data "
            f"({', '.join(named)}{more}). Call as before to go on with it, name another folder "
            "with --out, or throw it away with --fresh"
        )
    return state


def _change(name: str, had: Any, has: Any) -> str:
    if name.startswith(("train.", "distill.")):
        return f"{name} was {had}, is {has}"
    return f"{name} changed"
