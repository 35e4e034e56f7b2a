"""What a plan is bound to, and why one that is here does not fit."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from edgecv.engines.tensorrt.cuda import Device
from edgecv.errors import EngineError

# a plan built to last runs one major version later
_FOLLOWS = {(8, 10), (10, 11)}


def requirements(trt: Any, device: Device) -> dict[str, str]:
    """Version and GPU, as a plan's variant requires them.

    The GPUs of all Orin modules have one name and differ in size. Their number of multiprocessors
    changes with the power mode, which must not make a plan stale; their memory does not.
    """
    gpu = f"{device.name} {device.capability}"
    if device.unified:
        gpu += f" {_module_gb(device.total_bytes)} GB"
    return {trt.__name__: str(trt.__version__), "gpu": gpu}


def _module_gb(total_bytes: int) -> int:
    """What a module is sold with, a power of two; the system shows a little less."""
    return 1 << math.ceil(math.log2(total_bytes / 2**30))


def check_requirements(
    path: Path, requires: dict[str, Any], here: dict[str, str], lasting: bool, again: str
) -> None:
    """Refuse a plan of another version or GPU.

    Args:
        path: the plan, for the message.
        requires: what it was built for.
        here: what this machine is.
        lasting: it was built with --version-compatible.
        again: how to build it here.

    Raises:
        EngineError: naming both.
    """
    if requires == here or (lasting and _runs_later(requires, here)):
        return
    raise EngineError(f"{path} was built for {_told(requires)}; here is {_told(here)}. {again}")


def _runs_later(requires: dict[str, Any], here: dict[str, str]) -> bool:
    if requires.keys() != here.keys() or requires.get("gpu") != here["gpu"]:
        return False
    (name,) = here.keys() - {"gpu"}
    built, now = _numbers(str(requires[name])), _numbers(here[name])
    return now >= built and (now[0] == built[0] or (built[0], now[0]) in _FOLLOWS)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _told(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "nothing known"
