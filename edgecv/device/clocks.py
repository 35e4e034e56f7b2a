"""Clocks of CPU and GPU, and whether the GPU is slower than its load asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgecv.device.sysfs import read_number

# 17000000.gpu, 17000000.ga10b, 57000000.gpu, gpu-gpc-0
_GPU = re.compile(r"^[0-9a-f]+\.(gpu|g[vpa]\w+)$|^gpu-gpc-\d+$")
GPU_LOADS = ("sys/devices/platform/gpu.0/load", "sys/devices/gpu.0/load")
LOADED, SLOW = 900, 0.9  # in thousandths; share of the highest clock that is allowed


@dataclass(frozen=True)
class Clocks:
    """Files of the clocks.

    Attributes:
        cpu: in kHz, one for each group of cores.
        gpu: in Hz.
        gpu_ceiling: the highest that is allowed, e.g. by the power mode.
        gpu_load: in thousandths.
    """

    cpu: tuple[Path, ...]
    gpu: Path | None
    gpu_ceiling: Path | None
    gpu_load: Path | None

    def cpu_mhz(self) -> float | None:
        """Of the quickest core."""
        told = [value for path in self.cpu if (value := read_number(path)) is not None]
        return max(told) / 1e3 if told else None

    def gpu_mhz(self) -> float | None:
        """None where there is no GPU that tells."""
        value = None if self.gpu is None else read_number(self.gpu)
        return None if value is None else value / 1e6

    def gpu_held_back(self) -> bool:
        """Whether the GPU is loaded and yet under its highest clock.

        Not asked of CPUs: an x86 with all cores loaded never has the clock of a single one.
        """
        files = (self.gpu, self.gpu_ceiling, self.gpu_load)
        clock, ceiling, load = (None if path is None else read_number(path) for path in files)
        if clock is None or ceiling is None or load is None:
            return False
        return load >= LOADED and clock < SLOW * ceiling


def find_clocks(root: Path = Path("/")) -> Clocks:
    """What this machine tells of its clocks."""
    folders = [
        folder
        for folder in sorted(root.glob("sys/class/devfreq/*"))
        if _GPU.match(folder.name) and (folder / "cur_freq").is_file()
    ]
    gpu = folders[0] if folders else None
    return Clocks(
        cpu=tuple(sorted(root.glob("sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq"))),
        gpu=gpu / "cur_freq" if gpu else None,
        gpu_ceiling=gpu / "max_freq" if gpu else None,
        gpu_load=next((root / name for name in GPU_LOADS if (root / name).is_file()), None),
    )
