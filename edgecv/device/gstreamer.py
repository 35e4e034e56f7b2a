"""Which parts of GStreamer are here that only a Jetson has."""

from __future__ import annotations

import subprocess
from pathlib import Path

TOOL = "usr/bin/gst-inspect-1.0"
# element -> what needs it
ELEMENTS = {
    "nvv4l2decoder": "decodes video by hardware",
    "nvarguscamerasrc": "csi:// cameras",
    "nvvidconv": "csi:// cameras",
}


def gstreamer_elements(root: Path = Path("/")) -> dict[str, bool] | None:
    """Element to whether it can be loaded; None where GStreamer's tools are not installed."""
    tool = root / TOOL
    if not tool.is_file():
        return None
    return {name: _exists(tool, name) for name in ELEMENTS}


def _exists(tool: Path, name: str) -> bool:
    # asks and does not look for a file: a plug-in without its libraries is there and of no use
    try:
        asked = subprocess.run([tool, "--exists", name], capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return False
    return asked.returncode == 0
