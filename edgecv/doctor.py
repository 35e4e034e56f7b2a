"""What this machine can run, build and detect, and what to install for the rest."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgecv.device.advice import Advice, advise_any, advise_jetson
from edgecv.device.cameras import read_cameras
from edgecv.device.gstreamer import gstreamer_elements
from edgecv.device.jetson import Jetson, read_jetson
from edgecv.device.memory import read_memory
from edgecv.device.system_tensorrt import SystemTensorRT, system_tensorrt
from edgecv.engines import ENGINES
from edgecv.engines.tensorrt import why_not_here
from edgecv.errors import pip_line
from edgecv.machine import has_nvidia_gpu, importable, int8_cpu, read_cpu
from edgecv.metrics.latency import fingerprint, versions

__all__ = ["EXTRAS", "examine", "int8_cpu"]

# extra of pyproject.toml -> distributions that it brings -> the import that shows them.
# opencv and the like come with edgecv itself
EXTRAS: dict[str, dict[str, str]] = {
    "openvino": {"openvino": "openvino"},
    "onnxruntime": {"onnxruntime": "onnxruntime"},
    "video": {"av": "av"},
    "mqtt": {"paho-mqtt": "paho"},
    "tensorrt": {"tensorrt": "tensorrt", "cuda-python": "cuda.bindings.runtime"},
    "compress": {
        "torch": "torch",
        "onnx": "onnx",
        "onnxslim": "onnxslim",
        "safetensors": "safetensors",
        "tensorrt-rtx": "tensorrt_rtx",
    },
    "train": {
        "torchvision": "torchvision",
        "tensorboard": "tensorboard",
        "torch-pruning": "torch_pruning",
    },
    "sweep": {"optuna": "optuna"},
    "ray": {"ray": "ray"},
}

# engine -> the extra that it needs
_EXTRA_OF = {"openvino": "openvino", "onnxruntime": "onnxruntime", "torch": "compress"}

_INT8 = {
    "x86": "no VNNI: INT8 is exact with weights made for it, and may be slower than float",
    "x86-vnni": "VNNI: INT8 is exact with 8-bit weights, and quick",
    "arm": "ARM: INT8 is exact with 8-bit weights",
}


def examine(root: Path = Path("/")) -> dict[str, Any]:
    """All that edgecv can tell about a machine, ready for JSON.

    Returns:
        {"machine": a fingerprint, "int8": {"cpu", "meaning"}, "gpu": {"present", "names"},
        "memory": of `Memory`, "cameras": [of `Camera`], "jetson": of `_jetson`, or None,
        "engines": {name: {"run", "build", "note"}},
        "extras": {name: {"installed": {package: version}, "missing": [...], "install"}},
        "advice": [{"problem", "do"}]}
    """
    kind = int8_cpu(read_cpu(root))
    cameras, memory = read_cameras(root), read_memory(root)
    extras = {name: _extra(name, packages) for name, packages in EXTRAS.items()}
    engines = {name: _engine(name, extras) for name in ENGINES}
    jetson, told, advice = read_jetson(root), None, list[Advice]()
    if jetson is not None:
        tensorrt, elements = system_tensorrt(root), gstreamer_elements(root)
        told = _jetson(jetson, tensorrt, elements)
        advice += advise_jetson(jetson, tensorrt, memory, elements, cameras)
        if tensorrt.problem is not None:
            engines["tensorrt"]["note"] = ": ".join(tensorrt.problem)
    if jetson is not None or not has_nvidia_gpu(root):
        # the registry's TensorRT is not made for Jetsons, and of no use without a GPU
        extras["tensorrt"]["install"] = None
    advice += advise_any(root, cameras)
    return {
        "machine": fingerprint(root),
        "int8": {"cpu": kind, "meaning": _INT8[kind]},
        "gpu": {"present": has_nvidia_gpu(root), "names": gpu_names()},
        "memory": asdict(memory),
        "cameras": [asdict(camera) for camera in cameras],
        "jetson": told,
        "engines": engines,
        "extras": extras,
        "advice": [one._asdict() for one in advice],
    }


def _jetson(
    jetson: Jetson, tensorrt: SystemTensorRT, elements: dict[str, bool] | None
) -> dict[str, Any]:
    """{"model", "module", "soc", "l4t", "jetpack", "power_mode", "fastest_power_mode",
    "dla_cores", "tensorrt": its version, "gstreamer": {element: whether it loads}, or None}."""
    mode = jetson.power_mode
    return {
        **{name: getattr(jetson, name) for name in ("model", "module", "soc", "l4t", "jetpack")},
        "power_mode": mode.current.name if mode.current else None,
        "fastest_power_mode": mode.fastest.name if mode.fastest else None,
        "dla_cores": jetson.dla_cores,
        "tensorrt": tensorrt.library,
        "gstreamer": elements,
    }


def gpu_names() -> list[str]:
    """The GPUs that the driver's own tool lists; none where there is no such tool."""
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()]


def _extra(name: str, packages: dict[str, str]) -> dict[str, Any]:
    # a system package (TensorRT of JetPack) has the import but may have no metadata
    present = [package for package, module in packages.items() if importable(module)]
    missing = [package for package in packages if package not in present]
    known = versions(present)
    return {
        "installed": {package: known.get(package, "unknown") for package in present},
        "missing": missing,
        "install": pip_line(name) if missing else None,
    }


def _engine(name: str, extras: dict[str, Any]) -> dict[str, Any]:
    if name == "null":
        return {"run": True, "build": True, "note": "computes nothing, for tests"}
    if name == "tensorrt":
        return _tensorrt(extras)
    needs = extras[_EXTRA_OF[name]]
    module = EXTRAS[_EXTRA_OF[name]][name]
    present = importable(module)
    version = needs["installed"].get(name, "")
    note = f"{name} {version}" if present else "not installed"
    return {"run": present, "build": present, "note": note}


def _tensorrt(extras: dict[str, Any]) -> dict[str, Any]:
    missing = why_not_here()
    if missing is None:
        return {"run": True, "build": True, "note": "builds and runs plans for this GPU"}
    tests = "tensorrt-rtx" in extras["compress"]["installed"]
    # what is missing of an extra comes with its line below
    note = "its files are tested for acceptance" if tests else "no tensorrt-rtx to test its files"
    return {"run": False, "build": False, "note": f"{missing}; {note}"}
