"""YOLOX from torch to ONNX."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import onnx
import torch

from edgecv.models.deploy import Deployed
from edgecv.types import Array, Image

# Deployed keeps the network under this name, which says nothing to a reader of the graph
WRAPPER = "model."


def export_onnx(
    network: Deployed, height: int, width: int, batch: int | Literal["dynamic"], opset: int
) -> onnx.ModelProto:
    """The network as a graph: images (B, H, W, 3) uint8 to boxes and scores.

    By torch's TorchScript exporter, which names nodes by module path and writes the opset asked
    for, in about a second. The newer one, based on torch.export, gives the same operators under
    names such as 'node_Conv_38', converts them down from opset 18, takes ten times as long
    (torch 2.13, YOLOX-Nano), and needs onnxscript.
    """
    pictures = 1 if batch == "dynamic" else batch
    images = torch.zeros((pictures, height, width, 3), dtype=torch.uint8)
    names = ("images", "boxes", "scores")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        # says that this exporter is the older one
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            (images,),
            path,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "batch"} for name in names} if batch == "dynamic" else None,
            opset_version=opset,
            dynamo=False,
        )
        return onnx.load(path)


def infer_torch(network: Deployed) -> Callable[[Image], list[Array]]:
    """The network as a function of numpy arrays: (B, H, W, 3) uint8 to boxes and scores."""

    def infer(batch: Image) -> list[Array]:
        with torch.inference_mode():
            return [output.numpy() for output in network(torch.from_numpy(batch))]

    return infer
