"""What a graph costs: multiply-accumulates and parameters, read from its shapes."""

from __future__ import annotations

from math import prod

import onnx

from edgecv.errors import ModelError


def conv_macs(model: onnx.ModelProto) -> dict[str, int]:
    """Multiply-accumulates of each Conv for one picture, by node name, in the graph's order.

    A batch dimension counts as 1, whatever it is.

    Raises:
        ModelError: the shape of a Conv's output or weight cannot be inferred.
    """
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output, *inferred.input)
    }
    shapes.update({weight.name: list(weight.dims) for weight in inferred.initializer})
    return {
        node.name: _macs(node, shapes.get(node.output[0], []), shapes.get(node.input[1], []))
        for node in inferred.node
        if node.op_type == "Conv"
    }


def _macs(node: onnx.NodeProto, output: list[int], weight: list[int]) -> int:
    # weight: (out, in / groups, kernel...): what each output value sums over is all but the first
    macs = prod(output[1:]) * prod(weight[1:]) if len(output) > 2 and len(weight) > 2 else 0
    if macs <= 0:
        raise ModelError(
            f"{node.name}: output {output} and weight {weight} leave its size open; "
            "expected fixed height, width and channels: set load.input_size"
        )
    return macs


def parameter_count(model: onnx.ModelProto) -> int:
    """Values in the weights and biases of convs and matrix products, shared ones once."""
    weighted = ("Conv", "Gemm", "MatMul", "ConvTranspose")
    used = {
        name for node in model.graph.node if node.op_type in weighted for name in node.input[1:]
    }
    return sum(prod(weight.dims) for weight in model.graph.initializer if weight.name in used)
