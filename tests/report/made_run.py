"""A bundle as a whole run leaves it, without running one: figures near those of YOLOX-Nano."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, StageRecord, Variant
from edgecv.report.photos import Comparison, compare
from edgecv.types import Detections, Frame

CLASSES = (
    "person", "bicycle", "car", "motorcycle", "bus", "truck", "traffic light", "bird", "cat",
    "dog", "horse", "sheep", "chair", "dining table", "potted plant", "tv", "bottle", "boat",
)  # fmt: skip

# variant -> size, p50 in ms, mAP, drop, matched
FIGURES: dict[str, tuple[int, float, float, float, float]] = {
    "openvino-fp32": (3_690_000, 12.8, 0.251, 0.0, 1.0),
    "openvino-int8": (1_120_000, 11.4, 0.249, 0.002, 0.94),
    "onnxruntime-fp32": (3_660_000, 11.9, 0.251, 0.0, 1.0),
    "onnxruntime-int8": (1_050_000, 17.6, 0.248, 0.003, 0.93),
    "tensorrt-fp32": (3_660_000, 0.0, 0.251, 0.0, 1.0),
    "tensorrt-int8": (1_060_000, 0.0, 0.247, 0.004, 0.91),
}


def metrics(float_ms: float = 11.9, int8_ms: float = 11.4) -> dict[str, dict[str, Any]]:
    """What each stage of a whole run records."""
    random = np.random.default_rng(7)
    p50s = {"openvino-fp32": 12.8, "openvino-int8": int8_ms, "onnxruntime-fp32": float_ms,
            "onnxruntime-int8": 17.6}  # fmt: skip
    return {
        "load": {"architecture": "yolox_nano"},
        "export": {"opset": 17},
        "quantize": _quantize(),
        "build": {},
        "evaluate": {
            "data": {"name": "coco38", "images": 38, "boxes": 424, "classes": 18},
            "reference": "onnxruntime-fp32",
            "variants": {name: _scores(name, random) for name in FIGURES},
        },
        "bench": {
            "environment": {
                "cpu": "Intel(R) Xeon(R) Processor @ 2.10GHz", "cores_available": 2,
                "isa": ["avx2", "avx512f", "avx512_vnni"], "governor": None,
                "packages": {"openvino": "2026.4.1", "onnxruntime": "1.31.1"},
            },
            "threads": 2,
            "skipped": {"tensorrt-fp32": "no GPU here", "tensorrt-int8": "no GPU here"},
            "variants": {name: _times(p50, random) for name, p50 in p50s.items()},
        },
    }  # fmt: skip


def hot(stages: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same on a Jetson that tells its power and was held back."""
    bench = stages["bench"]
    bench["device"] = {
        "power_w": 9.0, "power_of": "VDD_IN", "mj_per_frame": None, "temperature_c": 84.4,
        "temperature_of": "tj-thermal", "throttled_s": 3.0,
        "throttled_by": ["heat (gpu-throttle-alert)"],
        "readings": {
            "time_s": [1.0, 2.0, 3.0], "seconds": [1.0] * 3, "power_w": [9.0, 10.0, 8.0],
            "temperature_c": [70.0, 84.4, 82.0], "cpu_mhz": [1500.0] * 3,
            "gpu_mhz": [900.0, 900.0, 600.0], "throttled": [0.0, 0.0, 1.0],
        },
    }  # fmt: skip
    for row in bench["variants"].values():
        row |= {"power_w": 9.1, "mj_per_frame": 104.5}
    return stages


def make_bundle(folder: Path, stages: dict[str, dict[str, Any]]) -> Bundle:
    """A bundle with those stages in its history and a file of the right size a variant."""
    details = {
        "tensorrt-fp32": {"numerics": "onnxruntime"},
        "tensorrt-int8": {
            "numerics": "onnxruntime",
            "acceptance": {
                "accepted": True, "version": "TensorRT-RTX 1.7.1", "seconds": 1.42, "errors": [],
                "layers": 214,
            },
        },
    }  # fmt: skip
    variants = []
    (folder / "engines").mkdir(parents=True)
    for name, (size, *_) in FIGURES.items():
        engine, _, precision = name.rpartition("-")
        suffix = "xml" if engine == "openvino" else "onnx"
        file = f"engines/{name}.{suffix}"
        (folder / file).write_bytes(b"\0" * size)
        variants.append(
            Variant(
                name=name, engine=engine, precision=precision, file=file,
                details=details.get(name, {}),
            )
        )  # fmt: skip
    history = tuple(
        StageRecord(stage=stage, key="0", settings={}, metrics=found, seconds=1.5, environment={})
        for stage, found in stages.items()
    )
    spec = ModelSpec(name="yolox_nano", class_names=CLASSES, input=InputSpec(width=416, height=416))
    bundle = Bundle(
        folder,
        Manifest(recipe="yolo_int8", spec=spec, variants=tuple(variants), history=history),
    )
    bundle.save()
    return bundle


def make_comparison(count: int = 4) -> Comparison:
    """Generated pictures; in every second one INT8 loses the first box and finds another."""
    random = np.random.default_rng(3)
    frames = []
    for index in range(count * 2):
        coarse = random.integers(40, 220, (6, 8, 3), np.uint8)
        image = np.kron(coarse, np.ones((40, 40, 1), np.uint8)).astype(np.uint8)
        image[0, 0] = index  # tells the detectors which picture they see
        frames.append(Frame(image, index, source=f"photo_{index:02d}.jpg"))

    def before(image: np.ndarray) -> Detections:
        boxes = np.array([[30, 40, 120, 200], [150, 60, 260, 150]], np.float32)
        return Detections(boxes, np.array([0.81, 0.42], np.float32), np.array([0, 2]))

    def after(image: np.ndarray) -> Detections:
        found = before(image)
        if image[0, 0, 0] % 2:
            boxes = np.array([[151, 61, 259, 150], [10, 5, 60, 40]], np.float32)
            return Detections(boxes, np.array([0.40, 0.31], np.float32), np.array([2, 9]))
        return found

    return compare(frames, before, after, count, ("onnxruntime-fp32", "openvino-int8"))


def _quantize() -> dict[str, Any]:
    stages = ("dark2", "dark3", "dark4", "dark5")
    names = [f"backbone.backbone.{s}.1.m.{i}.conv2.{k}.conv" for s in stages for i in range(3)
             for k in ("dconv", "pconv")]  # fmt: skip
    ranking = [
        {"node": name, "macs_share": 0.002 + 0.009 * (i % 3), "sqnr_db": round(4.8 + 1.6 * i, 1)}
        for i, name in enumerate(names)
    ]
    kept = [
        {**layer, "op": "Conv", "reason": reason}
        for layer, reason in zip(
            ranking,
            (
                "depthwise; channel ranges differ by 28 times, one scale cannot serve them",
                "takes the hot channels of the depthwise conv before it",
                "the accuracy budget needs it",
            ),
            strict=False,
        )
    ]
    return {
        "weight_bits": 7, "cpu": "x86", "images": 182,
        "int8_macs_share": {"openvino": 0.93, "onnxruntime": 0.93, "tensorrt": 0.88},
        "kept_float": kept, "ranking": ranking,
        "budget": {"max_drop": 0.005, "metric": "mAP", "float": 0.251, "int8": 0.249,
                   "met": True, "data": "coco38"},
        "half": {
            "fp16": {"float32": 31, "largest": 812.4, "sqnr_db": 41.8, "float32_sqnr_db": None},
            "int8": {"float32": 34, "largest": 797.1, "sqnr_db": 23.9, "float32_sqnr_db": 25.0},
        },
        "steps": [
            {"kept_float": 0, "metric": 0.205, "sqnr_db": 12.1},
            {"kept_float": 1, "metric": 0.238, "sqnr_db": 15.9},
            {"kept_float": 2, "metric": 0.243, "sqnr_db": 17.0},
            {"kept_float": 3, "metric": 0.249, "sqnr_db": 18.4},
        ],
    }  # fmt: skip


def _scores(name: str, random: np.random.Generator) -> dict[str, Any]:
    _, _, value, drop, matched = FIGURES[name]
    wobble = 0.03 if name.endswith("int8") else 0.0
    per_class = {
        c: round(float(np.clip(0.12 + 0.04 * i + random.normal(0, wobble), 0, 1)), 4)
        for i, c in enumerate(CLASSES)
    }
    return {
        "accuracy": {"mAP": value, "mAP50": value + 0.14,
                     "interval": [value - 0.041, value + 0.046], "per_class": per_class,
                     "images": 38, "boxes": 424},
        "drop": {"mAP": drop, "interval": [drop - 0.006, drop + 0.008]},
        "parity": {"sqnr_db": 60.0 if drop == 0 else 19.3, "matched": matched,
                   "iou": 0.93 + 0.07 * (drop == 0), "score_error": drop * 5, "images": 38},
    }  # fmt: skip


def _times(p50: float, random: np.random.Generator) -> dict[str, Any]:
    samples = np.round(p50 * (0.97 + random.gamma(1.4, 0.025, 120)), 3)
    engine = {**_percentiles(samples), "samples": samples.tolist()}
    return {"engine_ms": engine, "end_to_end_ms": _percentiles(samples + 2.1),
            "throughput_fps": round(1250 / p50, 1), "peak_rss_mb": 118.0 + p50,
            "load_seconds": 0.21}  # fmt: skip


def _percentiles(samples: np.ndarray) -> dict[str, float]:
    values = {f"p{p}": round(float(np.percentile(samples, p)), 3) for p in (50, 90, 99)}
    return {**values, "max": round(float(samples.max()), 3)}
