"""Which names of TensorRT's Python API the engine touches, and in which versions they exist.

`tensorrt_api.json` is written by write_tensorrt_api.py from the bindings that NVIDIA published.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from edgecv.engines import tensorrt

FOLDER = Path(tensorrt.__file__).parent
TABLE_FILE = Path(__file__).with_name("tensorrt_api.json")
RTX = "rtx"

# how the engine's code calls an object -> its class; "" is the module
CLASSES = {
    "trt": "",
    "vendor": "",
    "builder": "Builder",
    "config": "IBuilderConfig",
    "context": "IExecutionContext",
    "engine": "ICudaEngine",
    "inspector": "EngineInspector",
    "layer": "ILayer",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "profile": "IOptimizationProfile",
    "runtime": "Runtime",
    "tensor": "ITensor",
}
# what these methods give
RESULTS = {"get_input": "ITensor", "get_output": "ITensor"}
# all their members, since they are looked up by name while running
ENUMS = ("BuilderFlag", "NetworkDefinitionCreationFlag", "PreviewFeature")


def touched() -> set[str]:
    """Names like `Builder.create_network` in all files of the engine."""
    return {
        name
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        for name in _names(node)
    }


def _names(node: ast.Attribute) -> Iterator[str]:
    owner = node.value
    if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute):
        kind = RESULTS.get(owner.func.attr)
        if kind is not None:
            yield f"{kind}.{node.attr}"
    called = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    kind = CLASSES.get(called.lstrip("_"))
    if kind is not None and not node.attr.startswith("__"):
        yield f"{kind}.{node.attr}".lstrip(".")
    if isinstance(owner, ast.Attribute) and not node.attr.startswith("__"):
        # trt.BuilderFlag.TF32
        inner = owner.value
        called = inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", "")
        if CLASSES.get(called.lstrip("_")) == "" and owner.attr[:1].isupper():
            yield f"{owner.attr}.{node.attr}"


def names_of(module: Any) -> set[str]:
    """Those of `touched`, and members of ENUMS, that a real module has."""
    found = {name for name in touched() if _has(module, name)}
    for enum in ENUMS:
        found |= {f"{enum}.{member}" for member in getattr(module, enum).__members__}
    return found


def _has(module: Any, name: str) -> bool:
    for part in name.split("."):
        if not hasattr(module, part):
            return False
        module = getattr(module, part)
    return True


def table() -> dict[str, set[str]]:
    """Names by version."""
    found: dict[str, list[str]] = json.loads(TABLE_FILE.read_text("utf-8"))
    return {version: set(names) for version, names in found.items()}


class Recorded:
    """An object of a class, with only what that class has in that version; notes what is done.

    Args:
        names: of the version.
        kind: its class.
        given: what attributes and methods give.
    """

    def __init__(self, names: set[str], kind: str, **given: Any) -> None:
        self.__dict__.update(_names=names, _kind=kind, _given=given, done=[])

    def __getattr__(self, name: str) -> Any:
        self._check(name)
        if name in self._given:
            return self._given[name]

        def note(*arguments: Any, **named: Any) -> bool:
            self.done.append((name, *arguments, *named.values()))
            return True

        return note

    def __setattr__(self, name: str, value: Any) -> None:
        self._check(name)
        self.done.append((name, value))

    def _check(self, name: str) -> None:
        if f"{self._kind}.{name}" not in self._names:
            raise AttributeError(f"{self._kind} has no {name} in this version")


def module(version: str) -> Any:
    """A stand-in for the module of a version: its enums, and names of other members."""
    names = table()[version]
    rtx = version == RTX
    made = SimpleNamespace(
        __name__="tensorrt_rtx" if rtx else "tensorrt", __version__="1.7" if rtx else version
    )
    for name in sorted(names):
        owner, _, member = name.partition(".")
        if member and (owner in ENUMS or member.isupper()):
            enum = getattr(made, owner, None) or SimpleNamespace(__members__={})
            number = len(enum.__members__)
            enum.__members__[member] = number if "Creation" in owner else name
            setattr(enum, member, enum.__members__[member])
            setattr(made, owner, enum)
    return made


def layer_of(names: set[str], trt: Any, name: str) -> Recorded:
    output = Recorded(names, "ITensor", name=name, dtype=trt.DataType.FLOAT)
    return Recorded(names, "ILayer", name=name, get_output=lambda index: output)


def network_of(names: set[str], layers: list[Recorded], shape: tuple[int, ...]) -> Recorded:
    image = Recorded(names, "ITensor", name="images", shape=shape)
    return Recorded(
        names,
        "INetworkDefinition",
        num_layers=len(layers),
        get_layer=lambda index: layers[index],
        num_inputs=1,
        get_input=lambda index: image,
    )
