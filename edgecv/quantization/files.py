"""What a calibration gives: two plans, the ranking, and the files that follow from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import onnx

from edgecv.bundle import OutputSpec
from edgecv.machine import Int8Cpu
from edgecv.quantization.budget import LARGE, Found, large
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
from edgecv.quantization.sensitivity import Reference, damage_db, rank, reference
from edgecv.quantization.table import Table, layer_rows, tensor_rows
from edgecv.recipe import QuantizeSettings

if TYPE_CHECKING:
    from edgecv.quantization.judge import Judge

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
        ranking: dB that each conv leaves alone, worst first.
        output_ranking: dB that each conv leaves with its output in 8 bits, worst first.
        known: what float says on the sample.
        kept: convs that the recipe keeps in float.
    """

    network: Network
    cpu: Int8Cpu
    weight_bits: int
    images: int
    asymmetric: Plan
    symmetric: Plan
    outputs: dict[str, QuantisedTensor]
    ranking: dict[str, float]
    output_ranking: dict[str, float]
    known: Reference
    kept: tuple[str, ...]

    def names(self, kept: Collection[str], target: str) -> set[str]:
        """The convs that are in 8 bits in a target's file."""
        found = set(self.asymmetric) - set(kept)
        if target == "onnxruntime":
            # it computes in integers only where the output is in 8 bits too
            found -= set(large(self.output_ranking))
        if target == "tensorrt":
            shallow = {one.name for one in self.network.layers if one.in_channels <= STEM_CHANNELS}
            found -= shallow
        return found

    def emission(self, kept: Collection[str], target: str) -> onnx.ModelProto:
        names = self.names(kept, target)
        if target == "tensorrt":
            return emit(self.network, self.symmetric, names, activations="int8")
        integers: Integers = "int8" if self.cpu == "arm" else "uint8"
        outputs = None
        if target == "onnxruntime":
            outputs = {name: row for name, row in self.outputs.items() if name in names}
        return emit(self.network, self.asymmetric, names, activations=integers, outputs=outputs)

    def emissions(self, kept: Collection[str]) -> dict[str, onnx.ModelProto]:
        return {target: self.emission(kept, target) for target in TARGETS}

    def sqnr_db(self, kept: Collection[str]) -> float:
        """Of the detections, on the sample, in exact Q/DQ of the CPU scheme."""
        return damage_db(self.emission(kept, "openvino"), self.known)

    def table(self, kept: Sequence[str]) -> Table:
        everywhere = self.names(kept, "openvino")
        return Table(
            cpu="x86-vnni" if self.cpu == "x86-vnni" and self.weight_bits == 8 else "any",
            target_cpu=self.cpu,
            weight_bits=self.weight_bits,
            images=self.images,
            kept_float={row["node"]: row["reason"] for row in self._kept_rows(kept)},
            float_in={
                target: tuple(sorted(everywhere - self.names(kept, target))) for target in TARGETS
            },
            asymmetric=layer_rows({name: self.asymmetric[name] for name in sorted(everywhere)}),
            symmetric=layer_rows({name: self.symmetric[name] for name in sorted(everywhere)}),
            outputs=tensor_rows(
                {name: self.outputs[name] for name in sorted(self.names(kept, "onnxruntime"))}
            ),
        )

    def metrics(
        self, kept: Sequence[str], found: Found, settings: QuantizeSettings, judge: Judge
    ) -> dict[str, Any]:
        share = {t: self.network.share(self.names(kept, t)) for t in TARGETS}
        last = next(step for step in found.steps if step.kept_float == found.count)
        return {
            "weight_bits": self.weight_bits,
            "cpu": self.cpu,
            "images": self.images,
            "int8_macs_share": share,
            "kept_float": self._kept_rows(kept),
            "float_in": {
                target: sorted(self.names(kept, "openvino") - self.names(kept, target))
                for target in TARGETS
            },
            "ranking": [
                {"node": name, "macs_share": self.network.share({name}), "sqnr_db": value}
                for name, value in self.ranking.items()
            ],
            "budget": {
                "max_drop": settings.budget.max_drop,
                "metric": "mAP" if judge.float_score is not None else None,
                "float": judge.float_score,
                "int8": min(last.scores.values(), default=None),
                "met": found.met,
                "data": judge.data,
            },
            "steps": [
                {
                    "kept_float": step.kept_float,
                    "metric": min(step.scores.values(), default=None),
                    "scores": dict(step.scores),
                    "sqnr_db": step.sqnr_db,
                }
                for step in found.steps
            ],
            "summary": f"{share['openvino']:.0%} of MACs in int8, {found.count} convs back in "
            f"float, {self.weight_bits}-bit weights, {self.images} pictures",
        }

    def _kept_rows(self, kept: Sequence[str]) -> list[dict[str, Any]]:
        certain = set(large(self.ranking))
        reasons = {
            layer.name: "prediction: nothing after it can make up for its error"
            for layer in self.network.layers
            if layer.final
        }
        reasons.update(dict.fromkeys(self.kept, "quantize.keep_float"))
        for name in kept:
            reasons[name] = (
                f"more than {LARGE} times the average damage" if name in certain else "budget"
            )
        return [
            {
                "node": name,
                "op": "Conv",
                "macs_share": self.network.share({name}),
                "sqnr_db": self.ranking.get(name),
                "reason": reason,
            }
            for name, reason in reasons.items()
        ]


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
    alone = partial(emit, network, asymmetric, activations="uint8")
    return Files(
        network=network,
        cpu=cpu,
        weight_bits=weight_bits,
        images=len(pictures),
        asymmetric=asymmetric,
        symmetric=symmetric,
        outputs=outputs,
        ranking=rank(list(asymmetric), lambda name: alone({name}), known, "ranking convs"),
        output_ranking=rank(
            list(asymmetric),
            lambda name: alone({name}, outputs={name: outputs[name]}),
            known,
            "ranking outputs",
        ),
        known=known,
        kept=settings.keep_float,
    )
