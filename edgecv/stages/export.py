"""Write the float graph of a bundle: model.onnx, shown to answer as its source does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecv.bundle import Bundle, InputSpec
from edgecv.errors import BundleError, DataError
from edgecv.recipe import ExportSettings, LoadSettings
from edgecv.stages import Context
from edgecv.stages.load import SOURCE, WEIGHTS
from edgecv.types import Image

if TYPE_CHECKING:
    import onnx

    from edgecv.models.onnx_source import OnnxSource
    from edgecv.models.parity import Infer

GRAPH = "model.onnx"
PICTURES = 4


def run(bundle: Bundle, settings: ExportSettings, context: Context) -> dict[str, Any]:
    """Export, simplify, check, and compare with the source on pictures.

    Raises:
        BundleError: no network in the bundle.
        ModelError: the source cannot be written so, or the graph answers otherwise than it.
    """
    from edgecv.engines.onnxruntime import open_call
    from edgecv.models.graph import conv_macs, parameter_count
    from edgecv.models.onnx_write import write_graph
    from edgecv.models.parity import check_parity, parity

    graph, source, prefix = _read_source(bundle, settings)
    path = bundle.new_file(GRAPH)
    written = write_graph(graph, path, simplify=settings.simplify, drop_prefix=prefix)
    batch = None if settings.batch == "dynamic" else settings.batch
    taken = bundle.spec.input.model_copy(update={"batch": batch})
    bundle.update(spec=bundle.spec.model_copy(update={"input": taken}))
    pictures, shown = _pictures(taken, context)
    answer = open_call(path, bundle.spec, threads=None, requests=1)
    measured = parity(source, answer, _batches(pictures, batch))
    check_parity(measured, bundle.spec.name)
    parameters, macs = parameter_count(written), sum(conv_macs(written).values())
    return {
        "opset": settings.opset,
        "nodes": len(written.graph.node),
        "parameters": parameters,
        "macs": macs,
        "summary": f"{parameters / 1e6:.2f} M parameters, {macs / 1e9:.2f} GMACs",
        "parity_max_abs": measured,
        "parity_on": shown,
    }


def _read_source(bundle: Bundle, settings: ExportSettings) -> tuple[onnx.ModelProto, Infer, str]:
    """The graph, the source's own answer, and the prefix of node names that says nothing."""
    if bundle.path(WEIGHTS).is_file():
        return _from_checkpoint(bundle, settings)
    if bundle.path(SOURCE).is_file():
        return _from_onnx(bundle, settings)
    raise BundleError(
        f"{bundle.folder}: neither {WEIGHTS} nor {SOURCE} here; run the load stage first"
    )


def _from_checkpoint(
    bundle: Bundle, settings: ExportSettings
) -> tuple[onnx.ModelProto, Infer, str]:
    from edgecv.models.deploy import load_deployed
    from edgecv.models.export_torch import WRAPPER, export_onnx, infer_torch

    size = bundle.spec.input
    network = load_deployed(bundle.path(WEIGHTS), size.height, size.width)
    graph = export_onnx(network, size.height, size.width, settings.batch, settings.opset)
    return graph, infer_torch(network), WRAPPER


def _from_onnx(bundle: Bundle, settings: ExportSettings) -> tuple[onnx.ModelProto, Infer, str]:
    from edgecv.models.onnx_source import infer_source
    from edgecv.models.onnx_surgery import to_contract

    source = bundle_source(bundle)
    return to_contract(source, settings.batch, settings.opset), infer_source(source), ""


def bundle_source(bundle: Bundle) -> OnnxSource:
    """The ONNX file that a bundle was loaded from, as it came.

    Raises:
        ModelError: it cannot be read or decoded.
    """
    from edgecv.models.onnx_source import open_source

    size = bundle.spec.input
    load = LoadSettings(
        head=bundle.metrics("load").get("head", "auto"),
        input_size=size.width if size.width == size.height else None,
    )
    source = open_source(bundle.path(SOURCE), load)
    # messages name the file that was given
    return replace(source, path=Path(bundle.metrics("load").get("weights", source.path)))


def _pictures(size: InputSpec, context: Context) -> tuple[list[Image], str]:
    """Letterboxed pictures to compare on, and what they are; noise where no picture was given."""
    from edgecv.data.pictures import find_pictures, read_picture
    from edgecv.runtime.preprocess import letterbox

    folder = context.calibration or context.data
    found: list[Image] = []
    for path in find_pictures(folder) if folder else []:
        try:
            found.append(letterbox(read_picture(path), size)[0])
        except DataError:
            continue  # the stage that calibrates counts and names them
        if len(found) == PICTURES:
            break
    if folder and found:
        return found, f"{len(found)} pictures of {folder.name}"
    shape = (PICTURES, size.height, size.width, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return list(noise), f"{PICTURES} pictures of noise"


def _batches(pictures: list[Image], batch: int | None) -> list[Image]:
    # a dynamic batch is shown to work with more than one
    count = batch or 2
    rounds = -(-len(pictures) // count)
    return [
        np.stack([pictures[(start * count + i) % len(pictures)] for i in range(count)])
        for start in range(rounds)
    ]
