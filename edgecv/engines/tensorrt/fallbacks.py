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
    told = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
    if not isinstance(told, dict) or not isinstance(told.get("Layers"), list):
        raise ValueError("no list of layers")
    return [row for row in told["Layers"] if isinstance(row, dict)]


def not_in_int8(rows: Collection[dict[str, Any]], quantised: Collection[str]) -> list[str]:
    """Those of the quantised convs that the plan computes in a wider type.

    Args:
        rows: of `inspect`: "Name", "LayerType", "Metadata" with the nodes it is made of, and
            "Inputs" whose "Format/Datatype" names the type in words.
        quantised: names of convs that the file wants in INT8.
    """
    wider = set()
    for row in rows:
        if row.get("LayerType") in _MOVERS:
            continue
        inputs = row.get("Inputs") or [{}]
        if "int8" in str(inputs[0].get("Format/Datatype", "int8")).lower():
            continue
        wider |= _nodes(row)
    return [name for name in quantised if name in wider]


def _nodes(row: dict[str, Any]) -> set[str]:
    # "conv1 + PWN(...)" in the name, "[ONNX Layer: conv1]" in the metadata, "\x1f" between
    told = f"{row.get('Name', '')} {row.get('Metadata', '')}"
    return set(re.findall(r"[\w./:-]+", told))
