"""What this machine is: CPU and int8 instructions, GPU, board. Standard library only."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Int8Cpu = Literal["x86", "x86-vnni", "arm"]

# what decides the speed and the exactness of int8 and of float, in the spelling of /proc/cpuinfo
INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "amx_int8",
    "avx512_bf16",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
)
VNNI = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


@dataclass(frozen=True)
class Cpu:
    """A processor.

    Attributes:
        model: the name the system gives it.
        architecture: as `platform.machine()` says, e.g. x86_64 or aarch64.
        flags: all of its features, in the spelling of /proc/cpuinfo.
    """

    model: str
    architecture: str
    flags: frozenset[str]

    @property
    def instructions(self) -> tuple[str, ...]:
        """Those of INSTRUCTIONS that it has."""
        return tuple(name for name in INSTRUCTIONS if name in self.flags)


def parse_cpuinfo(text: str, architecture: str) -> Cpu:
    """The first processor of a /proc/cpuinfo; on ARM the part number stands in for a name."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    part = f"ARM implementer {fields.get('CPU implementer')} part {fields.get('CPU part')}"
    model = fields.get("model name") or (part if "CPU part" in fields else "")
    flags = fields.get("flags") or fields.get("Features") or ""
    return Cpu(model or architecture, architecture, frozenset(flags.split()))


def read_cpu(root: Path = Path("/")) -> Cpu:
    """This machine's processor; without /proc/cpuinfo (macOS, Windows) its flags are unknown."""
    try:
        text = (root / "proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return Cpu(platform.processor() or platform.machine(), platform.machine(), frozenset())
    return parse_cpuinfo(text, platform.machine())


def int8_cpu(cpu: Cpu | None = None) -> Int8Cpu:
    """How a CPU multiplies int8.

    `x86-vnni` and `arm` add products in 32 bits; plain `x86` adds pairs in 16 bits, which
    overflows with some weights of 8 bits. Unknown flags count as plain.
    """
    cpu = cpu or read_cpu()
    if cpu.architecture.lower().startswith(("arm", "aarch64")):
        return "arm"
    return "x86-vnni" if cpu.flags & VNNI else "x86"


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_nvidia_gpu(root: Path = Path("/")) -> bool:
    """Whether an NVIDIA driver offers a device: discrete, Jetson's own, or through WSL."""
    # a container may be given the second GPU alone
    patterns = ("nvidia[0-9]*", "nvhost-gpu", "nvgpu", "dxg")
    return any(any((root / "dev").glob(pattern)) for pattern in patterns)


def jetson_model(root: Path = Path("/")) -> str | None:
    """The board's name from the device tree, or None on anything that is no Jetson.

    Containers have no device tree: there the kernel of Jetson Linux tells, without the name.
    """
    try:
        name = (root / "proc/device-tree/model").read_bytes().rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return None
    except OSError:
        kernel = _text(root / "proc/sys/kernel/osrelease")
        return "NVIDIA Jetson" if kernel.strip().endswith("-tegra") else None
    return name if "jetson" in name.lower() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def importable(module: str) -> bool:
    """Whether this Python finds a module; the packages round it are imported for that."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def cameras(root: Path = Path("/")) -> tuple[str, ...]:
    """Video devices, e.g. /dev/video0."""
    names = [path.name for path in (root / "dev").glob("video[0-9]*")]
    return tuple(f"/dev/{name}" for name in sorted(names, key=lambda name: (len(name), name)))
