"""Latency in figures, and the machine that they belong to."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import edgecv
from edgecv.machine import available_cores, jetson_model, read_cpu

# distributions whose version decides speed or numbers
ENGINE_PACKAGES = (
    "openvino",
    "onnxruntime",
    "onnxruntime-gpu",
    "tensorrt",
    "tensorrt-rtx",
    "torch",
    "numpy",
    "opencv-python-headless",
)


def percentiles(samples_ms: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99, max and mean of times in milliseconds, to the microsecond.

    A percentile is a time that was measured, the smallest that at least that share of the
    samples does not exceed (nearest rank, as MLPerf counts), never one between two samples.

    Raises:
        ValueError: no samples, or not one row of them.
    """
    samples = np.asarray(samples_ms, np.float64)
    if samples.ndim != 1 or samples.size == 0:
        raise ValueError(f"samples are {samples.shape}, expected (N,) with N of at least 1")
    ranks = np.percentile(samples, (50, 90, 99, 100), method="inverted_cdf")
    values = dict(zip(("p50", "p90", "p99", "max"), ranks, strict=True), mean=samples.mean())
    return {name: round(float(value), 3) for name, value in values.items()}


def fingerprint(root: Path = Path("/")) -> dict[str, Any]:
    """The machine and the packages that a measurement belongs to, ready for JSON."""
    cpu = read_cpu(root)
    return {
        "cpu": cpu.model,
        "architecture": cpu.architecture,
        "board": jetson_model(root),
        "cores_logical": psutil.cpu_count(logical=True),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_available": available_cores(),
        "isa": list(cpu.instructions),
        "governor": _governor(root),
        "load_average_1m": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "os": platform.platform(),
        "python": platform.python_version(),
        "edgecv": edgecv.__version__,
        "packages": versions(ENGINE_PACKAGES),
    }


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of those that are installed."""
    found: dict[str, str] = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _governor(root: Path) -> str | None:
    # absent in most virtual machines, whose host decides
    path = root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return None
