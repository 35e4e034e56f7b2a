"""The network in torch, as the reference of all others; needs the extra `compress`."""

from __future__ import annotations

from pathlib import Path

from edgecv.bundle import Bundle, Variant
from edgecv.engines._engine import Built, Engine, PooledEngine
from edgecv.errors import MissingExtraError
from edgecv.types import Array, Image


def build(source: Path, folder: Path, name: str) -> Built:
    """There is nothing to build: `weights.safetensors` is opened as it is."""
    return Built(None, {}, {})


def open(bundle: Bundle, variant: Variant, *, threads: int | None, requests: int) -> Engine:
    """The float network of the bundle's weights.

    Torch has one number of threads for the whole process: `threads` sets that.

    Raises:
        MissingExtraError: torch is not installed.
        WeightsError: the weights are damaged or of an unknown architecture.
    """
    try:
        import torch

        from edgecv.models.deploy import load_deployed
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", "compress", "the engine torch") from error
    spec = bundle.spec
    path = bundle.path(variant.file)
    if threads is not None:
        torch.set_num_threads(threads)
    deployed = load_deployed(path, spec.input.height, spec.input.width)

    def call(batch: Image) -> list[Array]:
        with torch.inference_mode():
            return [answer.numpy() for answer in deployed(torch.tensor(batch))]

    return PooledEngine("torch", spec, call, requests)
