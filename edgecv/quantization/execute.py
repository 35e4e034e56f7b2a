"""Run a graph on pictures, as far as some tensors need it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgecv.bundle import InputSpec
from edgecv.data.pictures import read_picture
from edgecv.engines.onnxruntime import package
from edgecv.runtime.preprocess import letterbox
from edgecv.types import Array, Image


class Pictures:
    """Files as batches for the network; read anew at every pass, so that none is kept.

    Args:
        paths: picture files.
        size: input of the network; a fixed batch is filled up with the last picture.
    """

    def __init__(self, paths: Sequence[Path], size: InputSpec) -> None:
        self.paths = tuple(paths)
        self._size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Image]:
        """(B, H, W, 3) uint8 batches."""
        count = self._size.batch or 1
        for start in range(0, len(self.paths), count):
            group = [
                letterbox(read_picture(path), self._size)[0]
                for path in self.paths[start : start + count]
            ]
            yield np.stack(group + group[-1:] * (count - len(group)))

    def spread(self, count: int) -> Pictures:
        """At most `count` of them, evenly over the whole."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)
        return Pictures([self.paths[index] for index in dict.fromkeys(chosen.tolist())], self._size)


def cut(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """The part of a graph that these tensors need, with them as its outputs."""
    needed, nodes = set(outputs), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    values = [onnx.helper.make_empty_tensor_value_info(name) for name in outputs]
    return rebuilt(model, nodes[::-1], weights, values)


def rebuilt(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    weights: Sequence[onnx.TensorProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    """A model with other nodes; name, inputs, opset and IR version as before."""
    graph = onnx.helper.make_graph(
        nodes, model.graph.name, model.graph.input, outputs, initializer=weights
    )
    return onnx.helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version
    )


class Runner:
    """A part of a graph in ONNX Runtime, computing exactly what its nodes say.

    Q/DQ pairs are never merged into integer kernels here, so one machine's answer is every
    machine's.

    Args:
        model: the graph.
        outputs: tensors to compute.
        threads: that compute; None: one a core.
    """

    def __init__(
        self, model: onnx.ModelProto, outputs: Sequence[str], threads: int | None = None
    ) -> None:
        ort = package("quantisation")
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        # threads that wait by spinning take the cores from numpy, which works in between
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._outputs = list(outputs)
        self._input = model.graph.input[0].name
        self._session: Any = ort.InferenceSession(
            cut(model, outputs).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, batch: Image) -> dict[str, Array]:
        """The tensors for a batch of pictures, by name."""
        values = self._session.run(self._outputs, {self._input: batch})
        return dict(zip(self._outputs, values, strict=True))
