"""What a Jetson installs exists as a wheel for it: nothing has to be compiled there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgecv.device.system_tensorrt import CUDA_OF

TEXT = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
# with the C libraries of Ubuntu 22.04 and 24.04, and all that are older
GLIBC = {"3.10": 35, "3.12": 39}
# what it may add: Dockerfile.jetson and docs/jetson.md name them
OPTIONAL = ("video", "mqtt", "onnxruntime")
# --platform and --python-version choose the wheels; what a requirement's marker asks, pip answers
# with the machine that it runs on, unless it is told
PIP = """\
import sys
from pip._internal.cli.main import main
from pip._vendor.packaging import markers
here, version = markers.default_environment(), sys.argv.pop(1)
markers.default_environment = lambda: {
    **here, "platform_machine": "aarch64", "python_version": version,
    "python_full_version": f"{version}.0", "implementation_version": f"{version}.0",
}
sys.exit(main())
"""


def declared(name: str) -> list[str]:
    found = re.search(rf"^{name} = \[(.*?)\]$", TEXT, re.M | re.S)
    assert found, name
    return re.findall(r'"([^"]+)"', found.group(1))


def resolve(requirements: list[str], python: str, folder: Path) -> list[str]:
    """Files that pip would install on an aarch64 of that Python, wheels only."""
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in range(17, GLIBC[python] + 1)]
    report = folder / "report.json"
    subprocess.run(
        [
            *(sys.executable, "-c", PIP, python),
            *("install", "--dry-run", "--quiet", "--ignore-installed"),
            *("--only-binary=:all:", "--target", str(folder / "target")),
            *("--python-version", python, "--implementation", "cp", "--report", str(report)),
            *(
                word
                for name in [*platforms, "manylinux2014_aarch64"]
                for word in ("--platform", name)
            ),
            *requirements,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    rows = json.loads(report.read_text("utf-8"))["install"]
    return [row["download_info"]["url"].rpartition("/")[2] for row in rows]


needs_registry = pytest.mark.skipif(
    "EDGECV_CI" not in os.environ, reason="asks the package registry; set EDGECV_CI=1"
)


@pytest.mark.network
@needs_registry
@pytest.mark.parametrize("python", GLIBC)
def test_every_dependency_has_a_wheel_for_the_python_of_jetpack(
    python: str, tmp_path: Path
) -> None:
    wanted = declared("dependencies")
    optional = [line for name in OPTIONAL for line in declared(name)]
    files = resolve([*wanted, *optional, CUDA_OF[python]], python, tmp_path)
    assert all(file.endswith(".whl") for file in files)
    found = {re.sub(r"[-_.]+", "-", file.split("-")[0]).lower() for file in files}
    names = {re.split(r"[^\w-]", line)[0].lower() for line in [*wanted, *optional]}
    assert names <= found
    assert not {"torch", "onnx", "nvidia"} & found
    built = [file for file in files if not file.endswith("-none-any.whl")]
    assert all("aarch64" in file for file in built)
    assert len(built) > 5


@pytest.mark.network
@needs_registry
@pytest.mark.parametrize("marker", ["platform_machine == 'aarch64'", "python_version < '3.11'"])
def test_markers_are_those_of_the_device(marker: str, tmp_path: Path) -> None:
    assert resolve([f"click; {marker}"], "3.10", tmp_path)
    assert not resolve(["click; platform_machine == 'x86_64'"], "3.10", tmp_path)


@pytest.mark.network
@needs_registry
def test_what_has_no_such_wheel_is_found(tmp_path: Path) -> None:
    # only for x86_64; the extra compress leaves it out elsewhere
    with pytest.raises(subprocess.CalledProcessError):
        resolve(["tensorrt-rtx>=1.1"], "3.10", tmp_path)
