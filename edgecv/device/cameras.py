"""Cameras, by the names that their drivers give them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgecv.device.sysfs import read_number, read_text
from edgecv.machine import cameras

# how a Jetson's capture driver calls its sensors: vi-output, imx219 9-0010
_CSI = re.compile(r"^vi-output, (.+)$")


@dataclass(frozen=True)
class Camera:
    """A video device that gives pictures.

    Attributes:
        device: e.g. /dev/video0.
        name: of its driver; empty where it tells none.
        kind: csi is a sensor on a Jetson's own connector, whose raw pictures need its ISP.
        source: what to give to `edgecv run --source`.
        allowed: whether this user may open it.
    """

    device: str
    name: str
    kind: Literal["csi", "v4l2"]
    source: str
    allowed: bool


def read_cameras(root: Path = Path("/")) -> list[Camera]:
    """The cameras in the order of their devices, without the devices of their metadata."""
    found = []
    csi = 0
    for device in cameras(root):
        told = root / "sys/class/video4linux" / Path(device).name
        # a USB camera has a second device, which gives no pictures
        if (read_number(told / "index") or 0) > 0:
            continue
        name = read_text(told / "name") or ""
        sensor = _CSI.match(name)
        source = f"csi://{csi}" if sensor else f"v4l2://{device}"
        csi += bool(sensor)
        allowed = os.access(root / device.lstrip("/"), os.R_OK | os.W_OK)
        shown = sensor[1] if sensor else name
        found.append(Camera(device, shown, "csi" if sensor else "v4l2", source, allowed))
    return found
