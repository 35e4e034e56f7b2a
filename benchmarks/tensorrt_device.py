"""All of the TensorRT engine that needs a GPU, in one command, with a verdict on each claim.

    python benchmarks/tensorrt_device.py BUNDLE --pictures photos --out tensorrt_device.json

On a copy of the bundle: plans in float, 16 bits and INT8 are built, twice for the timing cache;
each says what its ONNX file says through ONNX Runtime's CPU; plans that do not fit are refused;
several requests at once answer as one does; memory comes back; and all are timed in turns with
ONNX Runtime's CUDA provider. Ends with status 1 when a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgecv.bundle import Bundle, InputSpec, Variant
from edgecv.data.pictures import find_pictures, read_picture
from edgecv.engines import open_engine
from edgecv.engines.onnxruntime import PROVIDERS, open_call, package
from edgecv.engines.tensorrt import why_not_here
from edgecv.engines.tensorrt.cuda import device
from edgecv.engines.tensorrt.options import PlanOptions
from edgecv.errors import EdgecvError
from edgecv.recipe import BenchSettings
from edgecv.runtime.preprocess import letterbox
from edgecv.stages.bench import bench
from edgecv.stages.build import Precision, build_variant
from edgecv.types import Image

SHOWN = 32
CONFIDENT = 0.3
# score, box side: how far the plan may be from its file. INT8 kernels add in another order, and a
# value near the middle of two steps then takes the other one
ALLOWED = {"fp32": (1e-3, 1e-3), "fp16": (0.02, 0.02), "int8": (0.1, 0.1)}
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
LEAK_MB = 64

Claim = tuple[str, bool, str]


def batches(pictures: Path, size: InputSpec) -> list[Image]:
    """One photo each, as the network takes it."""
    paths = find_pictures(pictures)[:SHOWN]
    return [np.repeat(letterbox(read_picture(p), size)[0][None], size.batch or 1, 0) for p in paths]


def plan_claims(bundle: Bundle, cache: Path) -> Iterator[Claim]:
    for precision in PRECISIONS:
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            options = PlanOptions(timing_cache=cache)
            variant = build_variant(bundle, "tensorrt", precision, plan=options)
            bundle.save()
            seconds.append(time.perf_counter() - start)
        told = f"{variant.details['typed_by']} decides types; {seconds[0]:.0f} s, "
        told += f"then {seconds[1]:.0f} s; wider than asked: {variant.details['not_in_int8']}"
        yield f"{precision}: a plan is built", variant.file.endswith(".plan"), told


def agreement_claims(bundle: Bundle, shown: list[Image]) -> Iterator[Claim]:
    for precision in PRECISIONS:
        variant = bundle.variant("tensorrt", precision)
        exact = open_call(source_of(bundle, variant), bundle.spec, None, 1, optimise=False)
        with open_engine(bundle, variant, requests=3) as engine:
            alone = [engine.infer(batch) for batch in shown]
            together = [future.result() for future in [engine.submit(batch) for batch in shown]]
        pairs = [
            pair for two in zip(alone, together, strict=True) for pair in zip(*two, strict=True)
        ]
        same = all(np.array_equal(*pair) for pair in pairs)
        yield f"{precision}: three requests at once answer as one does", same, ""
        far = [distance(exact(one), found) for one, found in zip(shown, alone, strict=True)]
        score, box = np.quantile(far, 0.95, axis=0)
        holds = bool(score <= ALLOWED[precision][0] and box <= ALLOWED[precision][1])
        yield f"{precision}: says what its file says", holds, f"score {score:.4f}, box {box:.4f}"


def source_of(bundle: Bundle, variant: Variant) -> Path:
    """The file that a plan was built from; which one, the version of TensorRT decides."""
    wanted = variant.details["source_sha256"]
    files = bundle.manifest.files
    return bundle.path(next(name for name, record in files.items() if record.sha256 == wanted))


def distance(expected: list[Any], found: list[Any]) -> tuple[float, float]:
    """Largest difference of a confident score, and of a corner over its box's side."""
    sure = expected[1].max(axis=2) > CONFIDENT
    if not sure.any():
        return 0.0, 0.0
    score = float(np.abs(expected[1] - found[1])[sure].max())
    boxes, others = expected[0][sure], found[0][sure]
    side = np.maximum(boxes[:, 2:] - boxes[:, :2], 1).max(axis=1, keepdims=True)
    return score, float((np.abs(boxes - others) / side).max())


def refusal_claims(bundle: Bundle) -> Iterator[Claim]:
    variant = bundle.variant("tensorrt", "int8")
    other_gpu = {**variant.requires, "gpu": "Other sm_53"}
    for what, changed in (
        ("another GPU", variant.model_copy(update={"requires": other_gpu})),
        ("another network", variant.model_copy(update={"details": {"source_sha256": ""}})),
    ):
        yield f"a plan for {what} is refused", *refused(bundle, changed)


def refused(bundle: Bundle, variant: Variant) -> tuple[bool, str]:
    try:
        open_engine(bundle, variant).close()
    except EdgecvError as error:
        return "edgecv build" in str(error), str(error)
    return False, "it was opened"


def memory_claim(bundle: Bundle) -> Claim:
    variant = bundle.variant("tensorrt", "int8")
    open_engine(bundle, variant).close()  # what CUDA itself takes once
    before = device().free_bytes
    for _ in range(20):
        open_engine(bundle, variant, requests=2).close()
    lost = (before - device().free_bytes) / 2**20
    return "opening and closing leaves no memory", lost < LEAK_MB, f"{lost:.0f} MB after 20 times"


def times(bundle: Bundle, pictures: Path) -> dict[str, Any]:
    provider = "cuda" if PROVIDERS["cuda"] in package("timing").get_available_providers() else "cpu"
    peer = build_variant(bundle, "onnxruntime", "fp32", {"provider": provider})
    bundle.save()
    timed = [bundle.variant("tensorrt", precision) for precision in PRECISIONS]
    settings = BenchSettings(queries=600)
    return bench(bundle, [*timed, peer], settings, find_pictures(pictures)[:SHOWN])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    missing = why_not_here()
    if missing is not None:
        sys.exit(f"this needs a GPU and TensorRT: {missing}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "bundle"
        shutil.copytree(asked.bundle, copy)
        bundle = Bundle.open(copy)
        shown = batches(asked.pictures, bundle.spec.input)
        claims = list(plan_claims(bundle, Path(folder) / "timing"))
        claims += [*agreement_claims(bundle, shown), *refusal_claims(bundle), memory_claim(bundle)]
        for what, holds, told in claims:
            print(f"{'holds' if holds else 'FAILS'}  {what}  {told}")
        found = times(bundle, asked.pictures)
    for name, row in found["variants"].items():
        kinds = ("engine", row["engine_ms"]), ("end to end", row["end_to_end_ms"])
        told = "; ".join(
            f"{kind} {ms['p50']:.2f} {ms['p90']:.2f} {ms['p99']:.2f}" for kind, ms in kinds
        )
        print(f"{name}: p50 p90 p99 ms: {told}; {row['throughput_fps']:.0f} fps")
    asked.out.write_text(json.dumps({"claims": claims, **found}, indent=1) + "\n", "utf-8")
    sys.exit(0 if all(holds for _, holds, _ in claims) else 1)


if __name__ == "__main__":
    main()
