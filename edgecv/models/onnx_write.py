"""The last steps of every export: simplify, name, infer shapes, check, save."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx

from edgecv.errors import ModelError
from edgecv.models.onnx_names import name_graph

# what TensorRT 8.6 and onnxruntime 1.15 read; the operator sets 17 and 18 need no newer
IR_VERSION = 8


def write_graph(
    model: onnx.ModelProto, path: Path, *, simplify: bool, drop_prefix: str = ""
) -> onnx.ModelProto:
    """Save a graph as a bundle keeps it, and return what was saved.

    Args:
        model: a whole graph, weights inside.
        path: file to write.
        simplify: fold constants and merge nodes with onnxslim.
        drop_prefix: see `name_graph`.

    Raises:
        ModelError: the graph breaks ONNX's rules.
    """
    named = name_graph(_slim(model) if simplify else model, drop_prefix)
    named.ir_version = IR_VERSION
    named.producer_name, named.producer_version = "edgecv", ""
    try:
        finished = onnx.shape_inference.infer_shapes(named, strict_mode=True, data_prop=True)
        onnx.checker.check_model(finished, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{path.name}: the exported graph breaks ONNX's rules: {reason}. "
            "Try --set export.simplify=false, and report it"
        ) from error
    onnx.save(finished, path)
    return finished


def _slim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        slimmed: onnx.ModelProto = onnxslim.slim(model)
    return slimmed
