"""Layers that do not run where, or in the type, that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from edgecv.engines.tensorrt.network import Network

# what carries a layer's name without computing it: "Reformatting CopyNode for Input 0 to conv1"
_MOVERS = ("Reformat", "NoOp")


def quantised_convs(made: Network) -> list[str]:
    """Names of the convs that read integers, as the file says: behind a DequantizeLinear."""
    kinds = made.vendor.LayerType
    layers = made.layers
    floats = {layer.get_output(0).name for layer in layers if layer.type == kinds.DEQUANTIZE}
    return [
        layer.name
        for layer in layers
        if layer.type == kinds.CONVOLUTION and layer.get_input(0).name in floats
    ]


def not_on_dla(made: Network, config: Any) -> list[str]:
    """Names of the layers that the accelerator cannot run, each of which costs two transfers."""
    return [layer.name for layer in made.layers if not config.can_run_on_DLA(layer)]


def inspect(engine: Any, trt: Any) -> list[dict[str, Any]]:
    """What a loaded plan tells about each of its layers.

    Raises:
        ValueError: it tells something else.
    """
    inspector = engine.create_engine_inspector()
    if inspector is None:
        raise ValueError("nothing")
    told = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
    if not isinstance(told, dict) or not isinstance(told.get("Layers"), list):
        raise ValueError("no list of layers")
    return [row for row in told["Layers"] if isinstance(row, dict)]


def not_in_int8(rows: Collection[dict[str, Any]], quantised: Collection[str]) -> list[str]:
    """Those of the quantised convs that the plan computes in a wider type.

    Args:
        rows: of `inspect`: "Name", "LayerType", "Metadata" with the nodes it is made of, "Inputs"
            whose "Format/Datatype" names the type in words, and "Weights" with their "Type".
        quantised: names of convs that the file wants in INT8.

    Raises:
        ValueError: the type of one is not told.
    """
    wider = set()
    for row in rows:
        if row.get("LayerType") in _MOVERS:
            continue
        convs = _nodes(row) & {*quantised}
        if convs and "int8" not in _type(row):
            wider |= convs
    return [name for name in quantised if name in wider]


def _type(row: dict[str, Any]) -> str:
    inputs = row.get("Inputs") or [{}]
    told = str(inputs[0].get("Format/Datatype", "int8")).lower()
    if not told.startswith("n/a"):
        return told
    # "N/A due to dynamic shapes", where the batch is open; its weights have a type all the same
    weights = row.get("Weights")
    if not isinstance(weights, dict):
        raise ValueError("no types of an open batch")
    return str(weights.get("Type")).lower()


def _nodes(row: dict[str, Any]) -> set[str]:
    # "conv1 + PWN(...)" in the name, "[ONNX Layer: conv1]" in the metadata, "\x1f" between
    told = f"{row.get('Name', '')} {row.get('Metadata', '')}"
    return set(re.findall(r"[\w./:-]+", told))
