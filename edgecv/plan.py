"""Which stages a run has, and for each the key that says whether a former result still holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgecv.bundle import Record, sha256_of
from edgecv.errors import MissingExtraError, RecipeError, UsageError
from edgecv.inputs import Inputs
from edgecv.machine import Int8Cpu, has_nvidia_gpu, int8_cpu, read_cpu
from edgecv.metrics.latency import versions
from edgecv.recipe import Recipe
from edgecv.stages import STAGES, Stage

# modules beside the folders that compute something; the others only check, say and arrange
COMMON = ("bundle.py", "boxes.py", "types.py", "machine.py", "child.py")

# extras whose packages a stage cannot do without; tensorrt has other ways, and says which
NEEDED = ("compress", "train", "openvino", "onnxruntime")
# but these only where they are a target
OPTIONAL = {"openvino", "tensorrt-rtx"}


@dataclass(frozen=True)
class Step:
    """One stage of a run.

    Attributes:
        name: of the stage.
        stage: its entry in the table.
        settings: its section of the recipe.
        key: sha256 of all that decides its result.
    """

    name: str
    stage: Stage
    settings: Record
    key: str

    @property
    def folder(self) -> str:
        """Name of the folder that keeps its result."""
        return f"{self.name}-{self.key[:12]}"


def make_plan(recipe: Recipe, inputs: Inputs) -> list[Step]:
    """The steps of a recipe, in order; a step's key holds that of the step before.

    Raises:
        RecipeError: a section is there without one that it needs.
    """
    sections = {name: section for name in STAGES if (section := getattr(recipe, name)) is not None}
    _check_sections(sections)
    if "weights" not in inputs.digests:
        sections.pop("load", None)  # trained from scratch
    steps: list[Step] = []
    before = ""
    for name, settings in sections.items():
        stage = STAGES[name]
        decides = {
            "stage": name,
            "before": before,
            "settings": settings.model_dump(mode="json"),
            "inputs": {read: inputs.digest(read, name) for read in stage.reads},
            "code": _code(stage),
            "packages": versions(stage.packages),
            "machine": _machine() if stage.machine else None,
        }
        before = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
        steps.append(Step(name, stage, settings, before))
    return steps


def check_packages(steps: Sequence[Step], first: int = 0) -> None:
    """Refuse, before anything runs, steps that need a package which is not there.

    Args:
        steps: of a whole run.
        first: position of the first that will run.

    Raises:
        MissingExtraError: naming the first.
    """
    from edgecv.doctor import EXTRAS

    known = {name: (extra, EXTRAS[extra][name]) for extra in NEEDED for name in EXTRAS[extra]}
    targets = {target for step in steps for target in getattr(step.settings, "targets", ())}
    for step in steps[first:]:
        learns = getattr(step.settings, "method", None) == "qat"
        for distribution in step.stage.packages + learns * STAGES["train"].packages:
            extra, module = known.get(distribution, ("", ""))
            if distribution in OPTIONAL - targets or not module or find_spec(module) is not None:
                continue
            raise MissingExtraError(module, extra, f"stage {step.name}")


def check_cpu(recipe: Recipe, here: Int8Cpu) -> None:
    """Refuse, before anything runs, INT8 files that this CPU would have to measure but cannot.

    Raises:
        UsageError: they have 8-bit weights, and this CPU adds products in 16 bits.
    """
    settings, build = recipe.quantize, recipe.build
    if settings is None or build is None or not (recipe.evaluate or recipe.bench):
        return
    cpu = here if settings.cpu == "auto" else settings.cpu
    eight = settings.weight_bits == 8 or (settings.weight_bits == "auto" and cpu != "x86")
    if eight and here == "x86" and set(build.targets) & {"openvino", "onnxruntime"}:
        raise UsageError(
            f"quantize: 8-bit weights for '{cpu}' overflow on this CPU ({read_cpu().model}, plain "
            "x86), so the files cannot be measured here. Leave quantize.cpu and "
            "quantize.weight_bits at auto, or only build: --set evaluate=null --set bench=null"
        )


def _check_sections(sections: dict[str, Any]) -> None:
    missing = [
        f"  {name}: needs the section '{other}', which is absent"
        for name in sections
        for other in STAGES[name].after
        if other not in sections
    ]
    if not sections:
        missing = [f"  no section; a recipe starts with 'load:'; there are {', '.join(STAGES)}"]
    if missing:
        raise RecipeError("\n".join(["the recipe cannot run as it is:", *missing]))


@cache
def _code(stage: Stage) -> str:
    """Digest of the sources that compute a stage's result."""
    root = Path(__file__).parent
    module = stage.run.partition(":")[0].removeprefix("edgecv.").replace(".", "/")
    files = [root / name for name in COMMON]
    files += [path for path in (root / f"{module}.py",) if path.is_file()]
    for name in stage.sources:
        inside = [root / name] if name.endswith(".py") else sorted((root / name).rglob("*"))
        files += [path for path in inside if _is_source(path)]
    lines = [f"{path.relative_to(root).as_posix()} {sha256_of(path)}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")


def _machine() -> dict[str, Any]:
    return {"cpu": read_cpu().model, "int8": int8_cpu(), "gpu": has_nvidia_gpu()}
