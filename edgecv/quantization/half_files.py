"""TensorRT's files whose rest is in 16 bits, for versions that compute in the types of the file."""

from __future__ import annotations

from typing import Any

import onnx

from edgecv.bundle import Bundle
from edgecv.engines.tensorrt.options import FLOAT32_FILE, HALF_FILES
from edgecv.errors import ModelError
from edgecv.progress import say
from edgecv.quantization.execute import Pictures
from edgecv.quantization.half import around_pairs, float32_nodes, peaks
from edgecv.quantization.half_graph import to_half
from edgecv.quantization.half_numerics import rounded
from edgecv.quantization.sensitivity import Reference, damage_db

SOURCES = {"fp16": "model.onnx", "int8": "onnx/tensorrt-int8.onnx"}


def write_half(bundle: Bundle, pictures: Pictures, known: Reference) -> dict[str, Any]:
    """Write HALF_FILES, and in FLOAT32_FILE what a TensorRT that chooses types must leave.

    Returns:
        {"fp16", "int8"}: {"float32": nodes that stay so, "largest": magnitude of any tensor on the
        pictures, "sqnr_db": of its detections against float's, "float32_sqnr_db": of those of the
        same file with its rest in float32; None for float itself}. Empty where a network cannot be
        in 16 bits, which is told.
    """
    found, names = {}, {}
    for precision, source in SOURCES.items():
        model = onnx.load(bundle.path(source))
        largest = peaks(model, pictures)
        kept = float32_nodes(model, largest)
        try:
            half = to_half(model, kept)
        except ModelError as error:
            say(f"  tensorrt: {error}")
            return {}
        onnx.checker.check_model(half, full_check=True)
        onnx.save(half, bundle.new_file(HALF_FILES[precision]))
        names[precision] = around_pairs(model, kept)
        found[precision] = {
            "float32": len(kept),
            "largest": max(largest.values(), default=0.0),
            "sqnr_db": damage_db(rounded(model, kept), known),
            "float32_sqnr_db": damage_db(model, known) if precision == "int8" else None,
        }
    bundle.write_json(FLOAT32_FILE, names)
    return found
