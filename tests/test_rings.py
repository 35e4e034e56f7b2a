"""Imports point left only: core <- device <- bench <- top; and every table lists every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from edgecv.cli import VERBS
from edgecv.engines import ENGINES
from edgecv.plan import COMMON
from edgecv.stages import STAGES

ROOT = Path(__file__).parents[1] / "edgecv"

CORE, DEVICE, BENCH, TOP = range(4)
# the longest prefix of a module's path decides; a new folder or file has to be put in here
RINGS = {
    "__init__": CORE,
    "errors": CORE,
    "extras": CORE,
    "types": CORE,
    "boxes": CORE,
    "recipe": CORE,
    "recipe_file": CORE,
    "recipe_problems": CORE,
    "bundle": CORE,
    "progress": CORE,
    "machine": CORE,
    "child": CORE,
    "stages/__init__": CORE,
    "engines": DEVICE,
    "trackers": DEVICE,
    "metrics": DEVICE,
    "runtime": DEVICE,
    "shipping": DEVICE,
    "data": DEVICE,
    "report": DEVICE,
    "device": DEVICE,
    "doctor": DEVICE,
    "stages/build": DEVICE,
    "stages/evaluate": DEVICE,
    "stages/bench": DEVICE,
    "stages/report": DEVICE,
    "engines/torch": BENCH,
    "models": BENCH,
    "quantization": BENCH,
    "distillation": BENCH,
    "training": BENCH,
    "pruning": BENCH,
    "stages/load": BENCH,
    "stages/train": BENCH,
    "stages/distill": BENCH,
    "stages/prune": BENCH,
    "stages/export": BENCH,
    "stages/quantize": BENCH,
    "cache": CORE,
    "embedded": TOP,
    "inputs": TOP,
    "plan": TOP,
    "output": TOP,
    "workspace": TOP,
    "pipeline": TOP,
    "sweep": TOP,
    "sweep/schema": DEVICE,  # what sweep.json holds, for docs and pages
    "cli": TOP,
    "__main__": TOP,
}
HEAVY = {
    *("torch", "torchvision", "torch_pruning", "tensorboard", "safetensors"),
    *("nncf", "onnx", "onnxslim"),
}
# vendor's package -> where alone it may be imported, and only in a function
VENDORS = {
    "openvino": "engines/openvino",
    "onnxruntime": "engines/onnxruntime",
    "tensorrt": "engines/tensorrt",
    "tensorrt_rtx": "engines/tensorrt",
    "cuda": "engines/tensorrt",
}


class Import(NamedTuple):
    module: str
    at_once: bool  # when its file is imported, not when a function is called


def names_of_modules() -> list[str]:
    return sorted(p.relative_to(ROOT).with_suffix("").as_posix() for p in ROOT.rglob("*.py"))


def ring(name: str) -> int:
    parts = name.split("/")
    for depth in range(len(parts), 0, -1):
        prefix = "/".join(parts[:depth])
        if prefix in RINGS:
            return RINGS[prefix]
    raise AssertionError(f"edgecv/{name}.py has no ring; put it into RINGS")


def imports(name: str) -> Iterator[Import]:
    """What a module imports, except for type checkers only."""

    def walk(node: ast.AST, at_once: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, at_once) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{name}: relative import"
                yield Import(str(child.module), at_once)
                yield from (Import(f"{child.module}.{a.name}", at_once) for a in child.names)
            elif isinstance(child, ast.Call) and ast.unparse(child.func) == "imported":
                yield Import(ast.literal_eval(child.args[0]), at_once)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, at_once and not inside)

    yield from walk(ast.parse((ROOT / f"{name}.py").read_text("utf-8")), True)


def own(module: str) -> str | None:
    """The path of a module of edgecv, None of anything else."""
    if module.partition(".")[0] != "edgecv":
        return None
    path = module.replace(".", "/").removeprefix("edgecv").strip("/")
    for name in (path, f"{path}/__init__".strip("/")):
        if name and (ROOT / f"{name}.py").is_file():
            return name
    return None


@pytest.mark.parametrize("name", names_of_modules())
def test_a_module_imports_from_its_ring_or_one_further_in(name: str) -> None:
    for module, _ in imports(name):
        target = own(module)
        if target is not None and not (name == "engines/__init__" and target == "engines/torch"):
            assert ring(target) <= ring(name), f"edgecv/{name}.py imports {module}"


@pytest.mark.parametrize("name", names_of_modules())
def test_heavy_packages_stay_on_the_bench_and_vendors_in_their_engine(name: str) -> None:
    for module, at_once in imports(name):
        package = module.partition(".")[0]
        assert package not in HEAVY or ring(name) >= BENCH, f"edgecv/{name}.py imports {module}"
        if package in VENDORS:
            assert name.startswith(VENDORS[package]), f"edgecv/{name}.py imports {module}"
            assert not at_once, f"edgecv/{name}.py imports {module} before it is needed"


def test_all_but_the_bench_is_imported_where_there_is_no_torch_and_no_onnx() -> None:
    modules = [
        "edgecv." + name.removesuffix("/__init__").replace("/", ".")
        for name in names_of_modules()
        if ring(name) != BENCH and name not in ("__main__", "__init__")
    ]
    assert len(modules) > 50
    blocked = sorted(HEAVY | set(VENDORS))
    program = (
        "import sys, importlib\n"
        f"for name in {blocked}: sys.modules[name] = None\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        f"print(all(sys.modules[name] is None for name in {blocked}))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("True\n", "")


@pytest.mark.parametrize("call", ["import edgecv", "from edgecv.cli import group; group(['-h'])"])
def test_importing_edgecv_and_its_help_load_nothing_slow(call: str) -> None:
    program = (
        f"import sys, atexit; atexit.register(lambda: print(sorted(sys.modules), file=sys.stderr))"
        f"\n{call}"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = ast.literal_eval(told.stderr)
    slow = {*HEAVY, *VENDORS, "numpy", "cv2", "pydantic", "rich", "yaml", "hotcoco", "jinja2"}
    assert "edgecv" in loaded
    assert slow.isdisjoint(loaded)


def listed(folder: str) -> set[str]:
    paths = [*(ROOT / folder).glob("*.py"), *(ROOT / folder).glob("*/__init__.py")]
    names = {p.parent.name if p.name == "__init__.py" else p.stem for p in paths}
    return {name for name in names if not name.startswith("_")} - {folder}


def test_every_file_of_the_stages_engines_and_verbs_is_in_its_table() -> None:
    assert listed("stages") == set(STAGES)
    assert listed("engines") == set(ENGINES)
    assert listed("cli") == set(VERBS)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_of_the_table_is_a_function(name: str) -> None:
    module, _, function = STAGES[name].run.partition(":")
    assert module == f"edgecv.stages.{name}"
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_of_the_table_can_build_and_open(name: str) -> None:
    module = import_module(ENGINES[name])
    assert callable(module.build)
    assert callable(module.open)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_of_the_table_is_a_command_of_that_name(name: str) -> None:
    module, _, attribute = VERBS[name][0].partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


@pytest.mark.parametrize("name", STAGES)
def test_the_table_names_all_sources_that_a_stage_reaches(name: str) -> None:
    first = STAGES[name].run.partition(":")[0]
    found: set[str] = set()
    left = [own(first)]
    while left:
        here = left.pop()
        if here is None or here in found:
            continue
        found.add(here)
        left += [own(module) for module, _ in imports(here)]
    # they check, say and arrange; what a setting means is in the key by its value
    silent = {
        "__init__",
        "cache",
        "errors",
        "extras",
        "progress",
        "recipe",
        "stages/__init__",
        own(first),
    }
    known = silent | {Path(common).stem for common in COMMON}
    missing = {
        path
        for path in found - known
        if path.partition("/")[0] not in STAGES[name].sources
        and f"{path}.py" not in STAGES[name].sources
    }
    assert missing == set()
    for source in STAGES[name].sources:
        assert (ROOT / source).exists()
