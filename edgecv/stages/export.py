"""Write the float graph of a bundle: model.onnx, shown to answer as its source does."""

from __future__ import annotations

from typing import Any

from edgecv.bundle import Bundle
from edgecv.recipe import ExportSettings
from edgecv.stages import Context

GRAPH = "model.onnx"


def run(bundle: Bundle, settings: ExportSettings, context: Context) -> dict[str, Any]:
    """Export, simplify, check, and compare with the source on pictures.

    Raises:
        ModelError: the source cannot be written so, or the graph answers otherwise than it.
    """
    from edgecv.models.checkpoint import read_checkpoint
    from edgecv.models.deploy import Deployed
    from edgecv.models.export_torch import WRAPPER, export_onnx
    from edgecv.models.graph import conv_macs, parameter_count
    from edgecv.models.onnx_write import write_graph
    from edgecv.models.yolox_weights import yolox_from_state

    spec = bundle.spec
    weights = bundle.path("weights.safetensors")
    model = yolox_from_state(read_checkpoint(weights), str(weights))
    height, width = spec.input.height, spec.input.width
    deployed = Deployed(model, height, width)
    graph = export_onnx(deployed, height, width, settings.batch, settings.opset)
    finished = write_graph(
        graph, bundle.new_file(GRAPH), simplify=settings.simplify, drop_prefix=WRAPPER
    )
    macs = conv_macs(finished)
    return {
        "macs": sum(macs.values()),
        "parameters": parameter_count(finished),
        "opset": settings.opset,
    }
