"""A network in torch that computes as its INT8 files do, and the files of what it learnt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import onnx
from onnx import numpy_helper
from torch import Tensor, nn

from edgecv.errors import ModelError
from edgecv.models.detector import Detector
from edgecv.quantization.execute import rebuilt
from edgecv.quantization.files import TARGETS, Files, cpu_scheme
from edgecv.quantization.network import Layer, Network
from edgecv.quantization.plan import Plan, Scheme
from edgecv.quantization.qat_conv import QuantisedConv
from edgecv.quantization.qat_rounding import Kind, Passage, Rounded, array
from edgecv.recipe import QuantizeSettings

SAME = 1e-4  # of the largest weight: the graph and the network hold float32 of one folding


def quantise(
    model: Detector,
    files: Files,
    kept: Mapping[str, Collection[str]],
    settings: QuantizeSettings,
) -> None:
    """Put fake quantisation where the files have Q/DQ; the network answers in float until told.

    Args:
        model: with batch norms folded, as it was exported; changed.
        files: of that network, calibrated.
        kept: by target, the convs that its file has in float.
        settings: that the files were calibrated with.

    Raises:
        ModelError: the graph does not hold the convs of the network.
    """
    convs = _convs(model)
    _check_same(files.network.layers, convs)
    schemes = {
        "asymmetric": cpu_scheme(settings, files.cpu),
        "symmetric": Scheme(symmetric=True),
    }
    for name in files.asymmetric:
        rounded = {
            kind: Rounded(row, schemes[kind].limits(row.layer))
            for kind, row in (
                ("asymmetric", files.asymmetric[name]),
                ("symmetric", files.symmetric[name]),
            )
        }
        kinds = {target: _kind(target) for target in TARGETS if name not in kept[target]}
        output = None if name in files.sums else Passage(files.outputs[name])
        parent, _, child = name.rpartition(".")
        conv = QuantisedConv(convs[name], rounded, kinds, output, "onnxruntime")
        setattr(model.get_submodule(parent), child, conv)


def use_file(model: nn.Module, target: str) -> None:
    """Let a network compute as the file of a target; '' for float."""
    for module in model.modules():
        if isinstance(module, QuantisedConv):
            module.file = target


def learnt(files: Files, model: Detector) -> Files:
    """The files with the weights that the network has now; placement, ranges and scales stay."""
    convs = {
        name: (array(_float_weight(conv)), array(conv.bias)) for name, conv in _convs(model).items()
    }
    network = _with_weights(files.network, convs)

    def plan(before: Plan, kind: Kind) -> Plan:
        found = {}
        for name, row in before.items():
            conv = cast(QuantisedConv, model.get_submodule(name))
            found[name] = conv.learnt(row, kind)
        return found

    return replace(
        files,
        network=network,
        asymmetric=plan(files.asymmetric, "asymmetric"),
        symmetric=plan(files.symmetric, "symmetric"),
    )


def _kind(target: str) -> Kind:
    return "symmetric" if target == "tensorrt" else "asymmetric"


def _convs(model: nn.Module) -> dict[str, Any]:
    kinds = (nn.Conv2d, QuantisedConv)
    return {name: module for name, module in model.named_modules() if isinstance(module, kinds)}


def _float_weight(conv: nn.Conv2d | QuantisedConv) -> Tensor:
    return conv.float_weight if isinstance(conv, QuantisedConv) else conv.weight


def _check_same(layers: Collection[Layer], convs: Mapping[str, nn.Conv2d]) -> None:
    for layer in layers:
        conv = convs.get(layer.name)
        same = conv is not None and np.allclose(
            array(conv.weight), layer.weight, rtol=0, atol=SAME * np.abs(layer.weight).max()
        )
        if not same:
            raise ModelError(
                f"model.onnx: conv {layer.name} is not that of weights.safetensors, so its weights "
                "cannot be learnt. Run the stages before again: --fresh"
            )


def _with_weights(network: Network, convs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Network:
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for layer in network.layers:
        node = next(node for node in model.graph.node if node.name == layer.name)
        # names of its own: a simplified graph may share equal biases
        names = (f"{layer.name}.weight", f"{layer.name}.bias")
        node.input[1:] = names
        for name, value in zip(names, convs[layer.name], strict=True):
            weights[name] = numpy_helper.from_array(value, name)
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for name, tensor in weights.items() if name in used]
    layers = tuple(
        replace(layer, weight=convs[layer.name][0], bias=convs[layer.name][1])
        for layer in network.layers
    )
    changed = rebuilt(model, model.graph.node, kept, model.graph.output)
    return replace(network, model=changed, layers=layers)
