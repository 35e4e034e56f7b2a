"""What a calibration gives: two plans, the rankings, and the files that follow from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import onnx

from edgecv.bundle import OutputSpec
from edgecv.machine import Int8Cpu
from edgecv.quantization.budget import QUIET, give_back
from edgecv.quantization.emit import Integers, emit
from edgecv.quantization.execute import Pictures
from edgecv.quantization.network import Layer, Network
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
# what the outputs of all convs in 8 bits may add to the noise of the detections: 33 dB below them
OUTPUT_NOISE = 10 ** (-33 / 10)


@dataclass(frozen=True)
class Files:
    """A calibrated network.

    Attributes:
        network: the float graph.
        cpu: that the CPU files are for.
        weight_bits: of the CPU files; TensorRT's have 8.
        portable: the CPU files are exact on every CPU, as their weights overflow on none.
        images: calibration pictures.
        asymmetric, symmetric: plans for CPUs and for TensorRT.
        outputs: conv outputs in 8 bits, for ONNX Runtime.
        sums: convs whose outputs lose too much in 8 bits; ONNX Runtime adds them up in 32.
        rankings: for each target the dB that each conv leaves alone, worst first.
        known: what float says on the sample.
    """

    network: Network
    cpu: Int8Cpu
    weight_bits: int
    portable: bool
    images: int
    asymmetric: Plan
    symmetric: Plan
    outputs: dict[str, QuantisedTensor]
    sums: frozenset[str]
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
        if target == "openvino":
            return emit(self.network, self.asymmetric, names, activations=integers, pools=True)
        # Q/DQ convs are computed in integers only where the output is in 8 bits too
        outputs = {name: self.outputs[name] for name in names if name not in self.sums}
        return emit(
            self.network,
            self.asymmetric,
            names,
            activations=integers,
            outputs=outputs,
            sums=self.sums.intersection(names),
        )

    def alone(self, target: str, name: str) -> onnx.ModelProto:
        """The file of a target with only that conv in 8 bits."""
        return self.emission(target, self.asymmetric.keys() - {name})

    def table(self, kept: Mapping[str, Collection[str]]) -> Table:
        """What `quantization.json` says."""
        return Table(
            cpu="any" if self.portable else "x86-vnni",
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
            sums=tuple(name for name in self.outputs if name in self.sums),
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
    layers = quantisable(network, settings.keep_float)
    tensors = [name for layer in layers for name in (layer.input, output_tensor(layer))]
    histograms = observe(network, list(dict.fromkeys(tensors)), pictures)
    scheme = cpu_scheme(settings, cpu)
    asymmetric, symmetric = (
        make_plan(network, layers, histograms, one, settings, pictures)
        for one in (scheme, Scheme(symmetric=True))
    )
    files = Files(
        network=network,
        cpu=cpu,
        weight_bits=scheme.weight_bits,
        portable=scheme.paired or scheme.weight_bits == 7,
        images=len(pictures),
        asymmetric=asymmetric,
        symmetric=symmetric,
        outputs=quantise_outputs(network, layers, histograms, settings),
        sums=frozenset(),
        rankings={},
        known=reference(network.model, output, pictures),
    )
    return _ranked(files)


def cpu_scheme(settings: QuantizeSettings, cpu: Int8Cpu) -> Scheme:
    """How integers are used in the files for a kind of CPU."""
    if settings.weight_bits == "auto":
        return Scheme(symmetric=False, paired=cpu == "x86")
    return Scheme(symmetric=False, weight_bits=settings.weight_bits)


def _ranked(files: Files) -> Files:
    names = list(files.asymmetric)
    for target in TARGETS:
        alone = partial(files.alone, target)
        files.rankings[target] = rank(names, alone, files.known, f"ranking for {target}")
    if files.cpu == "arm":  # whose activations are int8, which ConvInteger does not take
        return files
    convs = [layer for layer in files.network.layers if layer.groups == 1]
    sums = noisy_outputs(convs, files.rankings["onnxruntime"], files.rankings["openvino"])
    ranking = files.rankings["onnxruntime"]
    ranking.update({name: files.rankings["openvino"][name] for name in sums})
    files.rankings["onnxruntime"] = dict(sorted(ranking.items(), key=lambda item: item[1]))
    return replace(files, sums=sums)


def noisy_outputs(
    layers: Sequence[Layer], with_outputs: Mapping[str, float], without: Mapping[str, float]
) -> frozenset[str]:
    """The convs whose outputs make most noise in 8 bits, until that of the others is small.

    Args:
        layers: convs that may do without.
        with_outputs: the dB that each conv leaves alone with its output in 8 bits.
        without: the same with its input in 8 bits only.
    """
    noise = {
        name: 10 ** (-db / 10) - 10 ** (-without[name] / 10) for name, db in with_outputs.items()
    }
    left = sum(noise[layer.name] for layer in layers if layer.name in noise)
    found = set()
    for name in sorted((one.name for one in layers if one.name in noise), key=lambda n: -noise[n]):
        if left <= OUTPUT_NOISE:
            break
        found.add(name)
        left -= noise[name]
    return frozenset(found)
