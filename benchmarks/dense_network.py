"""Where INT8 pays on a CPU: a network of dense 3x3 convs through the recipe `yolo_int8`.

    python benchmarks/dense_network.py --calibration PHOTOS

Speed does not depend on what the weights say, so they are random; norms measured on a few photos
keep the activations in the range of a trained network's.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import torch
from dense_layers import DenseDetector

from edgecv import recipe_file
from edgecv.bundle import Bundle, InputSpec
from edgecv.data.pictures import find_pictures, read_picture
from edgecv.models.onnx_heads import prepare
from edgecv.pipeline import compress
from edgecv.runtime.preprocess import letterbox
from edgecv.stages import Context

SIDE = 416
NORM_PICTURES = 8
TARGET = 1.4
ENGINES = ("openvino", "onnxruntime")


@click.command(help=__doc__)
@click.option("--calibration", type=click.Path(path_type=Path), required=True)
@click.option("--activation", type=click.Choice(["silu", "relu"]), default="silu")
@click.option("--queries", default=120, show_default=True, help="Timed calls of each variant.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(calibration: Path, activation: str, queries: int, out: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / f"dense_{activation}.onnx"
        parameters = write_network(weights, activation, calibration)
        settings = (f"build.targets=[{','.join(ENGINES)}]", f"bench.queries={queries}")
        recipe = recipe_file.load(recipe_file.find("yolo_int8"), settings)
        context = Context(str(weights), None, calibration, tuple(sys.argv))
        found = figures(compress(recipe, "yolo_int8", context, Path(folder) / "bundle"))
    found |= {"activation": activation, "parameters": parameters}
    show(found)
    if out is not None:
        out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def write_network(path: Path, activation: str, photos: Path) -> int:
    """Write the network as a float ONNX file in the yolov8 layout; the number of its parameters."""
    torch.manual_seed(0)
    network = DenseDetector(activation, SIDE)
    spec = InputSpec(width=SIDE, height=SIDE, align="center")
    with torch.no_grad():
        for picture in find_pictures(photos)[:NORM_PICTURES]:
            boxed = letterbox(read_picture(picture), spec)[0]
            network.train()(torch.from_numpy(prepare(boxed[None], "yolov8")))
    torch.onnx.export(
        network.eval(),
        (torch.zeros(1, 3, SIDE, SIDE),),
        path,
        input_names=["images"],
        output_names=["output0"],
        opset_version=17,
        dynamo=False,
    )
    return sum(parameter.numel() for parameter in network.parameters())


def figures(bundle: Bundle) -> dict[str, Any]:
    """INT8 against float of each engine, and how far it is from float."""
    times = bundle.metrics("bench")
    quantised = bundle.metrics("quantize")
    parity = bundle.metrics("evaluate")["variants"]
    p50 = {name: row["engine_ms"]["p50"] for name, row in times["variants"].items()}
    engines = {
        engine: {
            "fp32_p50_ms": p50[f"{engine}-fp32"],
            "int8_p50_ms": p50[f"{engine}-int8"],
            "times_faster": round(p50[f"{engine}-fp32"] / p50[f"{engine}-int8"], 3),
            "int8_macs_share": quantised["int8_macs_share"][engine],
            "sqnr_db": parity[f"{engine}-int8"]["parity"]["sqnr_db"],
        }
        for engine in ENGINES
    }
    return {
        "environment": times["environment"],
        "threads": times["threads"],
        "weight_bits": quantised["weight_bits"],
        "engines": engines,
    }


def show(found: dict[str, Any]) -> None:
    """Print a line for each engine, and whether the target holds."""
    print(
        f"{found['activation']}, {found['parameters'] / 1e6:.1f} M parameters, "
        f"{found['environment']['cpu']}, {found['threads']} threads, "
        f"{found['weight_bits']}-bit weights"
    )
    for engine, row in found["engines"].items():
        print(
            f"{engine:<12} float {row['fp32_p50_ms']:6.1f} ms   INT8 {row['int8_p50_ms']:6.1f} ms"
            f"   {row['times_faster']:.2f} times faster   {row['int8_macs_share']:.0%} of MACs"
            f"   {row['sqnr_db']:.1f} dB"
        )
    best = max(row["times_faster"] for row in found["engines"].values())
    print(f"target {TARGET} times: {'reached' if best >= TARGET else 'missed'}, best {best:.2f}")


if __name__ == "__main__":
    main()
