"""Write tensorrt_api.json: `python tests/write_tensorrt_api.py`, from the repository.

NVIDIA's packages of bindings hold the real Python module of each version; its libraries, which are
another package, are replaced by ones whose functions give nothing, since only names are read.
Needs pip, gcc, the installed tensorrt_rtx, and the Python that WHEELS are for.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

WHEELS = {
    "8.6.1": "tensorrt-bindings",
    "10.3.0": "tensorrt-cu12-bindings",
    "10.7.0": "tensorrt-cu12-bindings",
    "10.12.0.36": "tensorrt-cu12-bindings",
    "10.13.3.9": "tensorrt-cu13-bindings",
    "10.16.1.11": "tensorrt-cu13-bindings",
    "11.0.0.114": "tensorrt-cu13-bindings",
    "11.4.0.106": "tensorrt-cu13-bindings",
}
PIP = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:")
LIBRARIES = ("nvinfer", "nvonnxparser", "nvparsers", "nvinfer_plugin")
FUNCTIONS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
    "_ZGTtdlPv",
    "_ZGTtnam",
    "_ZN11nvuffparser15createUffParserEv",
    "_ZN11nvuffparser8FieldMapC1EPKcPKvNS_9FieldTypeEi",
    "_ZN14nvcaffeparser117createCaffeParserEv",
    "_ZN14nvcaffeparser123shutdownProtobufLibraryEv",
)


def bindings(version: str, folder: Path) -> Any:
    """The module of a version; one a process."""
    subprocess.run([*PIP, "-d", folder, f"{WHEELS[version]}=={version}"], check=True)
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extract("tensorrt_bindings/tensorrt.so", folder)
    source = folder / "empty.c"
    source.write_text("\n".join(f"void* {name}(void) {{ return 0; }}" for name in FUNCTIONS))
    for name in LIBRARIES:
        library = f"lib{name}.so.{version.partition('.')[0]}"
        built = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", folder / library]
        subprocess.run([*built, source], check=True)
        ctypes.CDLL(str(folder / library), mode=ctypes.RTLD_GLOBAL)
    found = importlib.util.spec_from_file_location(
        "tensorrt", folder / "tensorrt_bindings" / "tensorrt.so"
    )
    module = importlib.util.module_from_spec(found)  # type: ignore[arg-type]
    found.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def names(version: str) -> list[str]:
    from tensorrt_api import RTX, names_of

    if version == RTX:
        return sorted(names_of(importlib.import_module("tensorrt_rtx")))
    with tempfile.TemporaryDirectory() as folder:
        return sorted(names_of(bindings(version, Path(folder))))


def main() -> None:
    from tensorrt_api import RTX, TABLE_FILE

    if len(sys.argv) > 1:  # a process for each: two versions cannot be in one
        print(json.dumps(names(sys.argv[1])))
        return
    found = {}
    for version in (*WHEELS, RTX):
        told = subprocess.run(
            [sys.executable, __file__, version], check=True, capture_output=True, text=True
        )
        found[version] = json.loads(told.stdout.splitlines()[-1])
    TABLE_FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
