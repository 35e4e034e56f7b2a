"""Read and write weights without ever running what is in the file."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from edgecv.errors import WeightsError

# where trainers put the weights, tried in this order
WRAPPERS = ("model", "state_dict")


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights of a .safetensors file, or of what `torch.save` wrote, on the CPU.

    A state dict is taken as it is, or from under the key 'model' or 'state_dict'.

    Raises:
        WeightsError: no such file; empty, truncated or something else; a pickle that would run
            code; nothing in it but tensors was expected.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file; --weights takes a checkpoint, an ONNX file or a URL"
        )
    if path.stat().st_size == 0:
        raise WeightsError(f"{path}: the file is empty; fetch or copy the weights again")
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    return _state_dict(path, loaded)


class About(NamedTuple):
    """What a file of weights says of its network beside the weights; None: nothing.

    Attributes:
        class_names: in order.
        input_size: side of the square input in pixels.
        architecture: values by name, from which the network is built; None: names and shapes of
            the weights tell it.
    """

    class_names: tuple[str, ...] | None = None
    input_size: int | None = None
    architecture: Mapping[str, Any] | None = None


NOTHING = About()


def write_checkpoint(path: Path, state: Mapping[str, Tensor], about: About = NOTHING) -> None:
    """Write weights as safetensors; tensors may be views, but each is written whole."""
    said = {key: json.dumps(value) for key, value in about._asdict().items() if value is not None}
    whole = {key: value.contiguous() for key, value in state.items()}
    # not save_file, which makes a file that its owner alone may read
    path.write_bytes(safetensors.torch.save(whole, said or None))


def read_about(path: Path) -> About:
    """What `write_checkpoint` was told; nothing of files that others wrote."""
    if path.suffix != ".safetensors":
        return NOTHING
    with safetensors.safe_open(path, "pt") as file:
        said = file.metadata() or {}
    try:
        names = json.loads(said.get("class_names", "null"))
        size = json.loads(said.get("input_size", "null"))
        built = json.loads(said.get("architecture", "null"))
    except ValueError:  # of another writer, who meant something else
        return NOTHING
    known = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return About(
        tuple(names) if known else None,
        size if isinstance(size, int) else None,
        built if isinstance(built, dict) else None,
    )


def _read_safetensors(path: Path) -> Any:
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: not a whole safetensors file ({_first_line(error)}); fetch or copy it again"
        ) from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # of damaged headers, that are refused below
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        if code:
            raise WeightsError(
                f"{path}: the pickle names '{code[1]}', which is code and not a tensor, so it was "
                "not loaded. Save the state dict alone, best as .safetensors, and give that"
            ) from error
        raise _not_a_checkpoint(path, error) from error
    # a damaged file surfaces as whatever the reader stumbles over first, AssertionError included
    except Exception as error:
        raise _not_a_checkpoint(path, error) from error


def _not_a_checkpoint(path: Path, error: Exception) -> WeightsError:
    with path.open("rb") as stream:
        start = stream.read(2)
    # torch.save writes a zip archive
    if start == b"PK":
        return WeightsError(
            f"{path}: a checkpoint that is truncated or damaged ({path.stat().st_size} bytes, "
            f"{_first_line(error)}); fetch or copy it again"
        )
    return WeightsError(
        f"{path}: not a checkpoint (it starts with {start!r}); expected .pth or .pt as torch.save "
        "writes it, .safetensors or .onnx"
    )


def _state_dict(path: Path, loaded: Any) -> dict[str, Tensor]:
    for key in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    if not isinstance(loaded, Mapping) or not loaded:
        raise WeightsError(
            f"{path}: holds {_what(loaded)}, expected a state dict (names and tensors), "
            f"alone or under '{WRAPPERS[0]}' or '{WRAPPERS[1]}'"
        )
    strange = [str(key) for key, value in loaded.items() if not isinstance(value, Tensor)]
    if strange:
        raise WeightsError(
            f"{path}: {len(strange)} of {len(loaded)} entries are no tensors, e.g. '{strange[0]}'; "
            f"expected a state dict, alone or under '{WRAPPERS[0]}' or '{WRAPPERS[1]}'"
        )
    return {str(key): value for key, value in loaded.items()}


def _what(loaded: Any) -> str:
    return "an empty dict" if isinstance(loaded, Mapping) else f"a {type(loaded).__name__}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
