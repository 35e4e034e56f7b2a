"""A small detector that knows four pictures by heart, and its calibrated files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from made_shapes import Shapes, quick, small_network

from edgecv.bundle import InputSpec, OutputSpec
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.deploy import Deployed, fold_batch_norm
from edgecv.models.detector import Detector
from edgecv.models.export_torch import WRAPPER, export_onnx
from edgecv.models.onnx_write import write_graph
from edgecv.quantization.execute import Pictures
from edgecv.quantization.files import TARGETS, Files, cpu_scheme
from edgecv.quantization.network import read_network
from edgecv.quantization.observe import observe
from edgecv.quantization.plan import (
    Scheme,
    make_plan,
    output_tensor,
    quantisable,
    quantise_outputs,
)
from edgecv.quantization.sensitivity import reference
from edgecv.recipe import QuantizeSettings
from edgecv.training.loop import Task, train

SIDE = 64
SIZE = InputSpec(width=SIDE, height=SIDE)
# nothing is ranked here; one conv of each kind that a file may have in float
KEPT: Mapping[str, Sequence[str]] = {
    "openvino": ("backbone.backbone.dark2.0.pconv.conv",),
    "onnxruntime": ("backbone.backbone.dark2.0.dconv.conv",),
    "tensorrt": (),
}
SUMS = "backbone.backbone.dark3.0.pconv.conv"


@dataclass(frozen=True)
class Small:
    """A detector, its calibrated files and the settings of those."""

    model: Detector
    files: Files
    settings: QuantizeSettings
    kept: Mapping[str, Sequence[str]]

    def folded(self) -> Detector:
        return fold_batch_norm(self.model)


def trained(folder: Path) -> Detector:
    """mAP about .7 on the four pictures, within some seconds."""
    settings = quick(epochs=120, lr=0.16, validate_every=120, warmup_epochs=12, seed=1)
    pictures = Shapes(4)
    model = small_network()
    found = train(model, Task(pictures, pictures, settings, SIDE, folder))
    model.load_state_dict(read_checkpoint(found.weights))
    return model.eval()


def calibrated(model: Detector, folder: Path, cpu: str = "x86", **how: object) -> Small:
    """Files of a detector, by the same steps as `calibrate` but without a ranking."""
    settings = QuantizeSettings.model_validate({"rounding": "nearest", "observer": "minmax", **how})
    folder.mkdir(parents=True, exist_ok=True)
    graph = export_onnx(Deployed(model, SIDE, SIDE), SIDE, SIDE, 1, 17)
    path = folder / "model.onnx"
    network = read_network(write_graph(graph, path, simplify=True, drop_prefix=WRAPPER))
    layers = quantisable(network, ())
    pictures = write_pictures(folder)
    tensors = [name for layer in layers for name in (layer.input, output_tensor(layer))]
    seen = observe(network, list(dict.fromkeys(tensors)), pictures)
    asymmetric, symmetric = (
        make_plan(network, layers, seen, scheme, settings, pictures)
        for scheme in (cpu_scheme(settings, cpu), Scheme(symmetric=True))  # type: ignore[arg-type]
    )
    files = Files(
        network=network,
        cpu=cpu,  # type: ignore[arg-type]
        weight_bits=8,
        portable=True,
        images=len(pictures),
        asymmetric=asymmetric,
        symmetric=symmetric,
        outputs=quantise_outputs(network, layers, seen, settings),
        sums=frozenset({SUMS}),
        rankings={target: {} for target in TARGETS},
        known=reference(network.model, OutputSpec(), pictures),
    )
    return Small(model, files, settings, KEPT)


def write_pictures(folder: Path, count: int = 4) -> Pictures:
    """The pictures that the detector knows, as files."""
    shapes, paths = Shapes(count), []
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        paths.append(folder / f"{index}.png")
        cv2.imwrite(str(paths[-1]), shapes.picture(index).image)
    return Pictures(paths, SIZE)


def signal_to_noise_db(found: np.ndarray, expected: np.ndarray) -> float:
    noise = float(((found - expected) ** 2).sum())
    return float(10 * np.log10((expected**2).sum() / max(noise, 1e-20)))


def check_choice(found: dict[str, Any]) -> None:
    """Of each file the better of what was learnt and what was calibrated is taken."""
    assert found["files"].keys() == {*TARGETS}
    for entry in found["files"].values():
        assert entry["taken"] == ("qat" if entry["qat"] > entry["ptq"] else "ptq")
