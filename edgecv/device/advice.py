"""What is set wrong on a device, and the command that sets it right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgecv.device.cameras import Camera
from edgecv.device.heat import find_zones, hottest
from edgecv.device.jetson import Jetson
from edgecv.device.memory import Memory
from edgecv.device.rapl import is_locked
from edgecv.device.system_tensorrt import SystemTensorRT

# a build of a small detector on a Jetson takes about this much beside the system
BUILD_GB = 2.0
# where the modules begin to slow down lies above, by module; near it there is no room for a summer
HOT_C = 80.0


class Advice(NamedTuple):
    """One thing to set right.

    Attributes:
        problem: what was found.
        do: a command, or a step in words.
    """

    problem: str
    do: str


def advise_jetson(
    jetson: Jetson,
    tensorrt: SystemTensorRT,
    memory: Memory,
    elements: dict[str, bool] | None,
    cameras: Sequence[Camera],
) -> Iterator[Advice]:
    """What keeps a Jetson from its best, what blocks first."""
    if tensorrt.problem is not None:
        yield Advice(*tensorrt.problem)
    mode = jetson.power_mode
    if mode.current and mode.fastest and mode.current.speed < mode.fastest.speed:
        yield Advice(
            f"power mode {mode.current.name} is not the fastest, {mode.fastest.name}",
            f"sudo nvpmodel -m {mode.fastest.number}, where supply and cooling allow it",
        )
    yield from _of_gstreamer(elements, cameras)
    if memory.available_gb is not None and memory.available_gb < BUILD_GB:
        yield Advice(
            f"{memory.available_gb} GB of memory are free, and CPU and GPU share it",
            "sudo systemctl set-default multi-user.target && sudo reboot: no desktop",
        )
    worn = [name for name in memory.swap_on if "mmcblk" in name]
    if worn:
        yield Advice(
            f"swap on {', '.join(worn)}: a memory card is worn out by it",
            f"sudo swapoff {worn[0]}, and take its line out of /etc/fstab",
        )


def _of_gstreamer(elements: dict[str, bool] | None, cameras: Sequence[Camera]) -> Iterator[Advice]:
    if elements is None:
        yield Advice(
            "GStreamer's tools are missing: no csi:// cameras, no decoding by hardware",
            "sudo apt install gstreamer1.0-tools nvidia-l4t-gstreamer",
        )
        return
    wanted = ["nvv4l2decoder"]
    if any(camera.kind == "csi" for camera in cameras):
        wanted += ["nvarguscamerasrc", "nvvidconv"]
    missing = [name for name in wanted if not elements[name]]
    if missing:
        yield Advice(
            f"GStreamer has no {', '.join(missing)}",
            "sudo apt install --reinstall nvidia-l4t-gstreamer && rm -rf ~/.cache/gstreamer-1.0",
        )


def advise_any(root: Path, cameras: Sequence[Camera]) -> Iterator[Advice]:
    """What can be wrong on every machine."""
    closed = [camera.device for camera in cameras if not camera.allowed]
    if closed:
        yield Advice(
            f"this user may not open {', '.join(closed)}",
            'sudo usermod -aG video "$USER", then log in again',
        )
    if is_locked(root):
        yield Advice(
            "the processor's energy counter is for root only, so power is not measured",
            "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj, until the next start",
        )
    heat = hottest(find_zones(root))
    if heat is not None and heat[1] >= HOT_C:
        yield Advice(
            f"{heat[0]} is at {heat[1]:.0f} C before any work", "free the air's way, or a fan"
        )
