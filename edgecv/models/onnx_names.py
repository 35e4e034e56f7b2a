"""Names that a person can read and a table can rely on, for every node and tensor of a graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import onnx

Rename = Callable[[str], str]


def name_graph(model: onnx.ModelProto, drop_prefix: str = "") -> onnx.ModelProto:
    """A copy whose nodes are named by module path and whose tensors by the node that makes them.

    A Conv is 'backbone.stem.conv', other nodes end in their operator: 'backbone.stem.Sigmoid'. A
    node's output has the node's name, a Conv's weights are '<node>.weight' and '<node>.bias'.
    Names are unique. Inputs and outputs of the graph keep theirs.

    Args:
        model: node names as exporters of torch write them ('/model/stem/conv/Conv'), or others,
            which are kept as they are; a node without a name gets its operator's.
        drop_prefix: start of a path that is left out, e.g. 'model.'.
    """
    named = onnx.ModelProto()
    named.CopyFrom(model)
    graph = named.graph
    del graph.value_info[:]
    fixed = {value.name for value in (*graph.input, *graph.output)}
    unique = _unique_namer(fixed)
    tensors: dict[str, str] = {name: name for name in fixed}
    for node in graph.node:
        node.name = unique(module_path(node.name, node.op_type).removeprefix(drop_prefix))
        for index, output in enumerate(node.output):
            tensors.setdefault(output, unique(f"{node.name}.{index}") if index else node.name)
    constants = {weight.name for weight in graph.initializer}
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in constants and name not in tensors:
                tensors[name] = unique(f"{node.name}.{_role(node, index)}")
    _rename_tensors(graph, tensors)
    return named


def module_path(name: str, op_type: str) -> str:
    """'/model/dark2/dark2.0/conv/Conv' to 'model.dark2.0.conv'; no name to the operator's.

    Torch writes a member of a Sequential as 'dark2/dark2.0'; the parent's name is left out once.
    """
    path = re.sub(r"([^/]+)/(?=\1\.\d)", "", name.strip("/"))
    path = path.replace("/", ".").removesuffix("_output_0")
    if op_type == "Conv":
        path = path.removesuffix(".Conv")
    return path or op_type


def _role(node: onnx.NodeProto, index: int) -> str:
    if node.op_type == "Conv":
        return ("input", "weight", "bias")[index]
    return f"input{index}"


def _unique_namer(taken: Iterable[str]) -> Rename:
    used = set(taken)

    def unique(name: str) -> str:
        candidate, count = name, 1
        while candidate in used:
            candidate, count = f"{name}_{count}", count + 1
        used.add(candidate)
        return candidate

    return unique


def _rename_tensors(graph: onnx.GraphProto, tensors: dict[str, str]) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [tensors.get(name, name) for name in names]
    for weight in graph.initializer:
        weight.name = tensors.get(weight.name, weight.name)
