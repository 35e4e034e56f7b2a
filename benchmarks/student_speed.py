"""How fast students are before anybody trains one, in turns with YOLOX-Nano in float.

    python benchmarks/student_speed.py --student squeezenet1_1,0.25,32,2,relu,416

Speed does not depend on what the weights say, so they are random; norms that saw noise keep the
activations in the range of a trained network's.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np
import onnx
import torch

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, Variant
from edgecv.engines import open_engine
from edgecv.machine import int8_cpu, read_cpu
from edgecv.models.cost import network_cost
from edgecv.models.deploy import Deployed
from edgecv.models.detector import Config, Detector, build
from edgecv.models.export_torch import WRAPPER, export_onnx
from edgecv.models.onnx_write import write_graph
from edgecv.models.students import StudentConfig
from edgecv.models.yolox import VARIANTS, YoloxConfig
from edgecv.quantization.emit import emit
from edgecv.quantization.execute import Pictures
from edgecv.quantization.files import cpu_scheme
from edgecv.quantization.network import read_network
from edgecv.quantization.observe import observe
from edgecv.quantization.plan import make_plan, output_tensor, quantisable, quantise_outputs
from edgecv.recipe import QuantizeSettings

CLASSES = 6
QUICK = QuantizeSettings(rounding="nearest", equalize=False, bias_correction=False)
DEFAULT = (
    "mobilenet_v2,0.35,32,1,relu,416",
    "mobilenet_v2,0.35,32,1,relu,352",
    "mobilenet_v3_small,0.5,32,2,relu,416",
    "mobilenet_v3_small,0.35,24,1,relu,352",
    "squeezenet1_1,0.25,32,2,relu,416",
    "squeezenet1_1,0.25,24,1,relu,352",
)

Call = Callable[[Any], Any]


class Timed(NamedTuple):
    """A file of a network that is timed."""

    network: str
    variant: str
    call: Call
    picture: np.ndarray


@click.command(help=__doc__)
@click.option(
    "--student",
    "students",
    multiple=True,
    default=DEFAULT,
    metavar="BACKBONE,WIDTH,NECK,HEAD_CONVS,ACTIVATION,SIDE",
)
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=20, show_default=True, help="Turns of five calls of each file.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(students: tuple[str, ...], threads: int, rounds: int, out: Path | None) -> None:
    torch.manual_seed(0)
    networks: dict[str, tuple[Config, int]] = {
        "yolox_nano": (YoloxConfig(*VARIANTS["yolox_nano"], classes=CLASSES), 416)
    }
    networks |= {text: _asked(text) for text in students}
    with tempfile.TemporaryDirectory() as folder:
        rows, timed = {}, []
        for name, (config, side) in networks.items():
            model = _with_statistics(build(config), side)
            rows[name] = dict(zip(("parameters", "macs"), network_cost(model, side), strict=True))
            files = write_files(model, side, Path(folder) / str(len(rows)))
            timed += [_opened(name, key, path, side, threads) for key, path in files.items()]
        for (name, variant), value in medians(timed, rounds).items():
            rows[name][variant] = round(value, 3)
    show(rows, threads)
    if out is not None:
        found = {"cpu": read_cpu().model, "int8": int8_cpu(), "threads": threads, "networks": rows}
        out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _asked(text: str) -> tuple[Config, int]:
    backbone, width, neck, convs, activation, side = text.split(",")
    config = StudentConfig(backbone, float(width), int(neck), int(convs), activation, CLASSES)
    return config, int(side)


def _noise(side: int, seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _with_statistics(model: Detector, side: int) -> Detector:
    with torch.no_grad():
        for seed in range(4):
            image = torch.from_numpy(np.stack([_noise(side, seed), _noise(side, seed + 10)]))
            model.train()(image.permute(0, 3, 1, 2).float())
    return model.eval()


def write_files(model: Detector, side: int, folder: Path) -> dict[str, Path]:
    """Float and INT8 files of a network by variant, without a search for a budget."""
    folder.mkdir()
    graph = export_onnx(Deployed(model, side, side), side, side, batch=1, opset=17)
    paths = {name: folder / f"{name}.onnx" for name in ("float", "openvino", "onnxruntime")}
    network = read_network(write_graph(graph, paths["float"], simplify=True, drop_prefix=WRAPPER))
    layers = quantisable(network, ())
    tensors = [name for layer in layers for name in (layer.input, output_tensor(layer))]
    pictures = _pictures(folder, side)
    histograms = observe(network, list(dict.fromkeys(tensors)), pictures)
    scheme = cpu_scheme(QUICK, int8_cpu())
    plan = make_plan(network, layers, histograms, scheme, QUICK, pictures)
    outputs = quantise_outputs(network, layers, histograms, QUICK)
    names = [layer.name for layer in layers]
    openvino = emit(network, plan, names, activations="uint8", pools=True)
    onnx.save(openvino, paths["openvino"])
    quantised = emit(network, plan, names, activations="uint8", outputs=outputs)
    onnx.save(quantised, paths["onnxruntime"])
    return {
        "openvino-fp32": paths["float"],
        "openvino-int8": paths["openvino"],
        "onnxruntime-fp32": paths["float"],
        "onnxruntime-int8": paths["onnxruntime"],
    }


def _pictures(folder: Path, side: int) -> Pictures:
    paths = [folder / f"{seed}.png" for seed in range(4)]
    for seed, path in enumerate(paths):
        cv2.imwrite(str(path), _noise(side, seed))
    return Pictures(paths, InputSpec(width=side, height=side))


def _opened(network: str, variant: str, path: Path, side: int, threads: int) -> Timed:
    spec = ModelSpec(
        name=network,
        class_names=tuple(map(str, range(CLASSES))),
        input=InputSpec(width=side, height=side, batch=1),
    )
    name, _, precision = variant.partition("-")
    file = Variant(name=variant, engine=name, precision=precision, file=path.name)
    engine = open_engine(Bundle(path.parent, Manifest(spec=spec)), file, threads=threads)
    return Timed(network, variant, engine.infer, _noise(side, 0)[None])


def medians(timed: list[Timed], rounds: int) -> dict[tuple[str, str], float]:
    """Milliseconds of a call of each file, all in turns."""
    found: dict[tuple[str, str], list[float]] = {(t.network, t.variant): [] for t in timed}
    for _ in range(rounds):
        for one in timed:
            one.call(one.picture)
            for _ in range(5):
                start = time.perf_counter()
                one.call(one.picture)
                took = 1000 * (time.perf_counter() - start)
                found[one.network, one.variant].append(took)
    return {key: statistics.median(values) for key, values in found.items()}


def show(rows: dict[str, dict[str, float]], threads: int) -> None:
    """A line a network: its files, and how often its quickest is as fast as Nano's in float."""
    nano = min(rows["yolox_nano"][f"{engine}-fp32"] for engine in ("openvino", "onnxruntime"))
    print(f"{read_cpu().model}, {threads} threads, ms a call; quickest float Nano {nano:.2f}")
    for name, row in rows.items():
        times = {key: value for key, value in row.items() if key not in ("parameters", "macs")}
        each = "  ".join(f"{key} {value:6.2f}" for key, value in times.items())
        gain = nano / min(times.values())
        print(f"{name:<40} {row['macs'] / 1e6:5.0f} M MACs  {each}  {gain:.1f} times")


if __name__ == "__main__":
    main()
