"""What a calibration gives: two plans, the rankings, and the files that follow from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import onnx

from edgecv.bundle import OutputSpec
from edgecv.machine import Int8Cpu
from edgecv.quantization.budget import QUIET, give_back
from edgecv.quantization.emit import Integers, emit
from edgecv.quantization.execute import Pictures
from edgecv.quantization.network import Network
from edgecv.quantization.observe import observe
from edgecv.quantization.plan import (
    Plan,
    QuantisedTensor,
    Scheme,
    make_plan,
    output_tensor,
    quantisable,
    quantise_outputs,
)
from edgecv.quantization.sensitivity import Reference, rank, reference
from edgecv.quantization.table import Table, layer_rows, tensor_rows
from edgecv.recipe import QuantizeSettings

TARGETS = ("openvino", "onnxruntime", "tensorrt")
# TensorRT 10.16 has no INT8 kernel for a conv that reads three channels
STEM_CHANNELS = 3


@dataclass(frozen=True)
class Files:
    """A calibrated network.

    Attributes:
        network: the float graph.
        cpu: that the CPU files are for.
        weight_bits: of the CPU files; TensorRT's have 8.
        images: calibration pictures.
        asymmetric, symmetric: plans for CPUs and for TensorRT.
        outputs: conv outputs in 8 bits, for ONNX Runtime.
        rankings: for each target the dB that each conv leaves alone, worst first.
        known: what float says on the sample.
    """

    network: Network
    cpu: Int8Cpu
    weight_bits: int
    images: int
    asymmetric: Plan
    symmetric: Plan
    outputs: dict[str, QuantisedTensor]
    rankings: dict[str, dict[str, float]]
    known: Reference

    def kept_float(self, target: str, allowance: float, quiet: float = QUIET) -> list[str]:
        """The convs of a target's file to give back to float, as `give_back`."""
        work = {one.name: self.network.share({one.name}) for one in self.network.layers}
        found = give_back(self.rankings[target], work, allowance, quiet)
        if target == "tensorrt":
            found += [
                one.name
                for one in self.network.layers
                if one.in_channels <= STEM_CHANNELS and one.name in self.symmetric.keys() - {*found}
            ]
        return found

    def emission(self, target: str, kept: Collection[str]) -> onnx.ModelProto:
        """The file of a target with these convs in float."""
        names = [name for name in self.asymmetric if name not in kept]
        if target == "tensorrt":
            return emit(self.network, self.symmetric, names, activations="int8")
        integers: Integers = "int8" if self.cpu == "arm" else "uint8"
        outputs = None
        if target == "onnxruntime":
            # it computes in integers only where the output is in 8 bits too
            outputs = {name: self.outputs[name] for name in names}
        return emit(self.network, self.asymmetric, names, activations=integers, outputs=outputs)

    def alone(self, target: str, name: str) -> onnx.ModelProto:
        """The file of a target with only that conv in 8 bits."""
        return self.emission(target, self.asymmetric.keys() - {name})

    def table(self, kept: Mapping[str, Collection[str]]) -> Table:
        """What `quantization.json` says."""
        return Table(
            # 8-bit weights overflow on plain x86 alone
            cpu="x86-vnni" if self.weight_bits == 8 else "any",
            target_cpu=self.cpu,
            weight_bits=self.weight_bits,
            images=self.images,
            int8_in={
                target: tuple(name for name in self.asymmetric if name not in kept[target])
                for target in TARGETS
            },
            asymmetric=layer_rows(self.asymmetric),
            symmetric=layer_rows(self.symmetric),
            outputs=tensor_rows(self.outputs),
        )


def calibrate(
    network: Network,
    output: OutputSpec,
    pictures: Pictures,
    settings: QuantizeSettings,
    cpu: Int8Cpu,
) -> Files:
    """Observe the float graph, choose all ranges and integers, and rank the convs.

    Args:
        network: the float graph.
        output: its boxes and scores.
        pictures: to calibrate on.
        settings: of the recipe.
        cpu: that the CPU files are for.
    """
    bits = settings.weight_bits
    weight_bits = (7 if cpu == "x86" else 8) if bits == "auto" else bits
    layers = quantisable(network, settings.keep_float)
    tensors = [name for layer in layers for name in (layer.input, output_tensor(layer))]
    histograms = observe(network, list(dict.fromkeys(tensors)), pictures)
    asymmetric, symmetric = (
        make_plan(network, layers, histograms, scheme, settings, pictures)
        for scheme in (Scheme(False, weight_bits), Scheme(True, 8))
    )
    outputs = quantise_outputs(network, layers, histograms, settings)
    known = reference(network.model, output, pictures)
    files = Files(
        network, cpu, weight_bits, len(pictures), asymmetric, symmetric, outputs, {}, known
    )
    names = list(asymmetric)
    for target in TARGETS:
        files.rankings[target] = rank(
            names, partial(files.alone, target), known, f"ranking for {target}"
        )
    return files
