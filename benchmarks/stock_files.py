"""INT8 files of one float graph as stock tools write them, each by its own documented settings.

The decode after the last convs stays in float for all of them: to quantise it is a known mistake,
and what is compared here is how the network itself is quantised.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgecv.bundle import ModelSpec, Variant
from edgecv.data.pictures import read_picture
from edgecv.runtime.preprocess import letterbox
from edgecv.types import Image

Photos = Sequence[Path]


def batches(photos: Photos, spec: ModelSpec) -> Iterator[Image]:
    """(1, H, W, 3) uint8, letterboxed, one photo after the other."""
    for path in photos:
        yield letterbox(read_picture(path), spec.input)[0][None]


def decode_nodes(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes from which no conv can be reached any more: the decode."""
    before: set[str] = set()
    names = []
    for node in reversed(graph.node):
        if node.op_type == "Conv" or before.intersection(node.output):
            before.update(node.input)
        else:
            names.append(node.name)
    return names[::-1]


def ort_uint8(source: Path, target: Path, photos: Photos, spec: ModelSpec) -> None:
    """ONNX Runtime as its guide for x86 without VNNI has it: per channel, 7-bit weights."""
    _ort(source, target, photos, spec, reduce_range=True)


def ort_symmetric(source: Path, target: Path, photos: Photos, spec: ModelSpec) -> None:
    """ONNX Runtime with what TensorRT takes: int8, zero point 0, Q/DQ on weights, float bias."""
    _ort(
        source,
        target,
        photos,
        spec,
        signed=True,
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "AddQDQPairToWeight": True,
            "QuantizeBias": False,
        },
    )


def _ort(
    source: Path,
    target: Path,
    photos: Photos,
    spec: ModelSpec,
    *,
    signed: bool = False,
    **options: Any,
) -> None:
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    kinds = quantization.QuantType

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._left = batches(photos, spec)

        def get_next(self) -> dict[str, Image] | None:
            batch = next(self._left, None)
            return None if batch is None else {spec.input.name: batch}

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # without its optimiser, which renames nodes: the graph is simplified already
        quant_pre_process(source, prepared, skip_optimization=True, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            target,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=kinds.QInt8 if signed else kinds.QUInt8,
            weight_type=kinds.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            per_channel=True,
            nodes_to_exclude=decode_nodes(onnx.load(prepared).graph),
            **options,
        )


def nncf_default(source: Path, target: Path, photos: Photos, spec: ModelSpec) -> None:
    """NNCF on the OpenVINO model, all settings at their defaults."""
    _nncf(source, target, photos, spec)


def nncf_mixed(source: Path, target: Path, photos: Photos, spec: ModelSpec) -> None:
    """NNCF with asymmetric activations, and 7-bit weights in every layer."""
    import nncf
    from nncf.quantization.advanced_parameters import OverflowFix

    advanced = nncf.AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE)
    _nncf(
        source,
        target,
        photos,
        spec,
        preset=nncf.QuantizationPreset.MIXED,
        advanced_parameters=advanced,
    )


def _nncf(source: Path, target: Path, photos: Photos, spec: ModelSpec, **options: Any) -> None:
    import nncf
    import openvino as ov

    decode = nncf.IgnoredScope(names=decode_nodes(onnx.load(source).graph), validate=False)
    quantised = nncf.quantize(
        ov.convert_model(source),
        nncf.Dataset(list(photos), lambda path: next(batches([path], spec)).astype(np.uint8)),
        subset_size=len(photos),
        ignored_scope=decode,
        **options,
    )
    ov.save_model(quantised, target, compress_to_fp16=False)


Tool = Callable[[Path, Path, Photos, ModelSpec], None]

# name in the table -> engine, file, how to make it
STOCK: dict[str, tuple[str, str, Tool]] = {
    "ort-uint8": ("onnxruntime", "ort-uint8.onnx", ort_uint8),
    "ort-symmetric": ("onnxruntime", "ort-symmetric.onnx", ort_symmetric),
    "nncf-default": ("openvino", "nncf-default.xml", nncf_default),
    "nncf-mixed": ("openvino", "nncf-mixed.xml", nncf_mixed),
}


def make_stock(source: Path, folder: Path, photos: Photos, spec: ModelSpec) -> list[Variant]:
    """Run every stock tool on one graph; the files go into `folder`/stock."""
    variants = []
    for name, (engine, file, tool) in STOCK.items():
        print(f"quantising: {name}", file=sys.stderr)
        target = folder / "stock" / file
        target.parent.mkdir(exist_ok=True)
        tool(source, target, photos, spec)
        variants.append(Variant(name=name, engine=engine, precision="int8", file=f"stock/{file}"))
    return variants
