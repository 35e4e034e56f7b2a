"""TensorRT as a Jetson's system packages bring it, and whether this Python sees it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from edgecv.device.packages import installed_packages
from edgecv.errors import pip
from edgecv.machine import importable

LIBRARY = re.compile(r"^libnvinfer\d+$")
BINDINGS = "python3-libnvinfer"
# version of Python -> cuda-python for the driver of the JetPack that has it, 6 or 7
CUDA_OF = {"3.10": "cuda-python>=12.6,<13", "3.12": "cuda-python>=13,<14"}


@dataclass(frozen=True)
class SystemTensorRT:
    """What there is.

    Attributes:
        library: version of the system's libraries; None: not installed.
        bindings_for: version of the Python that the system's bindings are for, e.g. 3.10.
        visible: whether this Python finds `tensorrt`, from the system or not.
        cuda_visible: whether it finds cuda-python.
    """

    library: str | None
    bindings_for: str | None
    visible: bool
    cuda_visible: bool

    @property
    def problem(self) -> tuple[str, str] | None:
        """Why no engine can be built or run by it, and what to do; None where it can."""
        if self.library is None and not self.visible:
            return "TensorRT is not installed", "sudo apt install nvidia-jetpack"
        if not self.visible and self.bindings_for is None:
            return f"TensorRT {self.library} has no Python bindings", f"sudo apt install {BINDINGS}"
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        if not self.visible and self.bindings_for != here:
            return (
                f"TensorRT {self.library} is for Python {self.bindings_for}, this is {here}",
                f"python{self.bindings_for} -m venv --system-site-packages ENV, and install again",
            )
        if not self.visible:
            return (
                f"TensorRT {self.library} is the system's, which this environment does not see",
                "python3 -m venv --system-site-packages ENV, and install again",
            )
        if self.cuda_visible:
            return None
        wanted = CUDA_OF.get(self.bindings_for or here, "cuda-python")
        return "cuda-python is missing", f"{pip()} install '{wanted}'"


def system_tensorrt(root: Path = Path("/")) -> SystemTensorRT:
    """What the packages under `root` bring, and what this Python finds."""
    packages = installed_packages(root)
    library = next((version for name, version in packages.items() if LIBRARY.match(name)), None)
    # compiled for one version of Python, whose folder it is in
    bindings = next(root.glob("usr/lib/python3.*/dist-packages/tensorrt"), None)
    return SystemTensorRT(
        library=library.partition("-")[0] if library else None,
        bindings_for=bindings.parts[-3].removeprefix("python") if bindings else None,
        visible=importable("tensorrt"),
        cuda_visible=cuda_visible(),
    )


def cuda_visible() -> bool:
    """Whether this Python finds cuda-python; a namespace `cuda` alone is none of it."""
    return importable("cuda.bindings.runtime") or importable("cuda.cudart")
