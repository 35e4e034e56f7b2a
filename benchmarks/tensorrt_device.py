"""All of the TensorRT engine that needs a GPU, in one command, with a verdict on each claim.

    python benchmarks/tensorrt_device.py BUNDLE --pictures photos --out tensorrt_device.json

On a copy of the bundle: plans in float, 16 bits and INT8 are built, twice for the timing cache,
which a third build finds damaged; each says what its ONNX file says through ONNX Runtime's CPU;
plans that do not fit are refused; several requests at once answer as one does; memory comes back;
all are timed in turns with ONNX Runtime, on the GPU where its package has the CUDA provider; a plan
that later versions run, and one on the accelerator, answer too. Ends with status 1 when a claim
does not hold.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
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
from edgecv.engines.tensorrt.plan import free_bytes
from edgecv.errors import EdgecvError, UsageError
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
# where CPU and GPU share memory, the rest of the system moves it too
LEAK_MB = {"apart": 64, "shared": 256}

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
    cache.write_bytes(b"edgecv-timing/1 damaged")
    variant = build_variant(bundle, "tensorrt", "fp32", plan=PlanOptions(timing_cache=cache))
    bundle.save()
    again = cache.stat().st_size > 100
    yield "a damaged timing cache costs nothing but time", again, f"{variant.details['seconds']} s"


def agreement_claims(bundle: Bundle, shown: list[Image]) -> Iterator[Claim]:
    for precision in PRECISIONS:
        variant = bundle.variant("tensorrt", precision)
        with open_engine(bundle, variant, requests=3) as engine:
            alone = [engine.infer(batch) for batch in shown]
            together = [future.result() for future in [engine.submit(batch) for batch in shown]]
        pairs = [
            pair for two in zip(alone, together, strict=True) for pair in zip(*two, strict=True)
        ]
        same = all(np.array_equal(*pair) for pair in pairs)
        yield f"{precision}: three requests at once answer as one does", same, ""
        yield f"{precision}: says what its file says", *agrees(bundle, variant, shown, alone)


def agrees(
    bundle: Bundle, variant: Variant, shown: list[Image], found: list[list[Any]]
) -> tuple[bool, str]:
    """Whether a plan's answers are those of its file."""
    exact = open_call(source_of(bundle, variant), bundle.spec, None, 1, optimise=False)
    far = [distance(exact(one), answer) for one, answer in zip(shown, found, strict=True)]
    score, box = np.quantile(far, 0.95, axis=0)
    score_max, box_max = ALLOWED[variant.precision]
    return bool(score <= score_max and box <= box_max), f"score {score:.4f}, box {box:.4f}"


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


def memory_claims(bundle: Bundle) -> Iterator[Claim]:
    variant = bundle.variant("tensorrt", "int8")
    open_engine(bundle, variant).close()  # what CUDA itself takes once
    before = free_bytes(device())
    for _ in range(20):
        open_engine(bundle, variant, requests=2).close()
    lost = (before - free_bytes(device())) / 2**20
    holds = lost < LEAK_MB["shared" if device().unified else "apart"]
    yield "opening and closing leaves no memory", holds, f"{lost:.0f} MB after 20 times"


def other_claims(bundle: Bundle, shown: list[Image]) -> Iterator[Claim]:
    """Of plans that are built another way; they take the place of the one in 16 bits."""
    for what, options in (
        ("that later versions run", PlanOptions(version_compatible=True)),
        ("on the accelerator", PlanOptions(dla=0)),
    ):
        claim = f"fp16: a plan {what} says what its file says"
        try:
            variant = build_variant(bundle, "tensorrt", "fp16", plan=options)
        except UsageError as error:
            yield claim, "has 0 cores" in str(error), str(error)
            continue
        bundle.save()
        with open_engine(bundle, variant) as engine:
            found = [engine.infer(batch) for batch in shown]
        yield claim, *agrees(bundle, variant, shown, found)


def judged(about: str, claims: Iterable[Claim]) -> Iterator[Claim]:
    """The claims, and one that does not hold when an error ends them early."""
    try:
        yield from claims
    except EdgecvError as error:
        yield about, False, str(error)


def provider() -> str:
    """The quickest of ONNX Runtime's that is here."""
    return "cuda" if PROVIDERS["cuda"] in package("timing").get_available_providers() else "cpu"


def times(bundle: Bundle, pictures: Path) -> dict[str, Any]:
    peer = build_variant(bundle, "onnxruntime", "fp32", {"provider": provider()})
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
    peer = f"{provider()} provider"  # now: without its package nothing here can be judged
    claims: list[Claim] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "bundle"
        shutil.copytree(asked.bundle, copy)
        bundle = Bundle.open(copy)
        shown = batches(asked.pictures, bundle.spec.input)
        parts = {
            "plans are built": plan_claims(bundle, Path(folder) / "timing"),
            "plans answer": agreement_claims(bundle, shown),
            "plans are refused": refusal_claims(bundle),
            "memory comes back": memory_claims(bundle),
        }
        for about, part in parts.items():
            claims += shown_claims(judged(about, part))
        found: dict[str, Any] = {}
        try:
            found = times(bundle, asked.pictures)
            show_times(found, peer)
        except EdgecvError as error:
            claims += shown_claims([("all are timed", False, str(error))])
        claims += shown_claims(judged("other plans", other_claims(bundle, shown)))
    asked.out.write_text(json.dumps({"claims": claims, **found}, indent=1) + "\n", "utf-8")
    sys.exit(0 if all(holds for _, holds, _ in claims) else 1)


def shown_claims(claims: Iterable[Claim]) -> Iterator[Claim]:
    for what, holds, told in claims:
        print(f"{'holds' if holds else 'FAILS'}  {what}  {told}", flush=True)
        yield what, holds, told


def show_times(found: dict[str, Any], peer: str) -> None:
    for name, row in found["variants"].items():
        kinds = ("engine", row["engine_ms"]), ("end to end", row["end_to_end_ms"])
        told = "; ".join(
            f"{kind} {ms['p50']:.2f} {ms['p90']:.2f} {ms['p99']:.2f}" for kind, ms in kinds
        )
        shown = f"{name} ({peer})" if name.startswith("onnxruntime") else name
        print(f"{shown}: p50 p90 p99 ms: {told}; {row['throughput_fps']:.0f} fps")


if __name__ == "__main__":
    try:
        main()
    except EdgecvError as error:
        sys.exit(f"this cannot be judged here: {error}")
