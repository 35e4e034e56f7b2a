"""Which Jetson this is, and what runs on it.

Source: NVIDIA's Jetson Linux Developer Guide; files as r35, r36, r38 and r39 have them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgecv.device.packages import installed_packages
from edgecv.device.power_mode import PowerMode, power_mode
from edgecv.device.sysfs import read_text
from edgecv.machine import jetson_model

# major version of Jetson Linux -> JetPack, where the package nvidia-jetpack is not installed
JETPACK_OF = {"32": "4", "35": "5", "36": "6", "38": "7", "39": "7"}
SOC_OF = {"tegra194": "Xavier", "tegra234": "Orin", "tegra264": "Thor"}
# one node for each core that the module has, on either of two buses
DLA_NODES = (
    "sys/bus/platform/devices/*.nvdla[0-9]",
    "sys/devices/platform/*.host1x/*.nvdla[0-9]",
    "sys/devices/platform/*/*.host1x/*.nvdla[0-9]",
)


@dataclass(frozen=True)
class Jetson:
    """A board.

    Attributes:
        model: as its device tree says.
        module: NVIDIA's part number, e.g. p3767-0005; None: not told.
        soc: Xavier, Orin or Thor; None: another.
        l4t: version of Jetson Linux, e.g. 36.4.3.
        jetpack: e.g. 6.2, or the major version alone.
        power_mode: the one that is set, and the fastest there is.
        dla_cores: accelerators for deep learning beside the GPU.
    """

    model: str
    module: str | None
    soc: str | None
    l4t: str | None
    jetpack: str | None
    power_mode: PowerMode
    dla_cores: int


def read_jetson(root: Path = Path("/")) -> Jetson | None:
    """This machine's board; None on anything that is no Jetson."""
    model = jetson_model(root)
    if model is None:
        return None
    compatible = (read_text(root / "proc/device-tree/compatible") or "").split("\0")
    l4t = _l4t(root)
    return Jetson(
        model=model,
        module=next((m[1] for c in compatible if (m := re.search(r"(p\d{4}-\d{4})$", c))), None),
        soc=next((SOC_OF[c[7:]] for c in compatible if c[7:] in SOC_OF), None),
        l4t=l4t,
        jetpack=_jetpack(root, l4t),
        power_mode=power_mode(root),
        dla_cores=len({path.name for pattern in DLA_NODES for path in root.glob(pattern)}),
    )


def _l4t(root: Path) -> str | None:
    text = read_text(root / "etc/nv_tegra_release") or ""
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", text)
    if found:
        return f"{found[1]}.{found[2]}"
    version = installed_packages(root).get("nvidia-l4t-core", "")
    return version.partition("-")[0] or None


def _jetpack(root: Path, l4t: str | None) -> str | None:
    exact = re.match(r"[\d.]+", installed_packages(root).get("nvidia-jetpack", ""))
    if exact:
        return exact[0]
    return None if l4t is None else JETPACK_OF.get(l4t.partition(".")[0])
