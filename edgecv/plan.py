"""Which stages a run has, and for each the key that says whether a former result still holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgecv.bundle import Record, sha256_of
from edgecv.errors import MissingExtraError, RecipeError
from edgecv.inputs import Inputs
from edgecv.machine import has_nvidia_gpu, int8_cpu, read_cpu
from edgecv.metrics.latency import versions
from edgecv.recipe import Recipe
from edgecv.stages import STAGES, Stage

# modules beside the folders that compute something; the others only check, say and arrange
COMMON = ("bundle.py", "boxes.py", "types.py", "machine.py", "child.py")


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
    steps: list[Step] = []
    before = ""
    for name, settings in sections.items():
        stage = STAGES[name]
        decides = {
            "stage": name,
            "before": before,
            "settings": settings.model_dump(mode="json"),
            "inputs": {key: inputs.digests.get(key) for key in stage.reads},
            "code": _code(stage),
            "packages": versions(stage.packages),
            "machine": _machine() if stage.machine else None,
        }
        before = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
        steps.append(Step(name, stage, settings, before))
    return steps


def check_packages(steps: Sequence[Step]) -> None:
    """Refuse, before anything runs, steps that need a package which is not there.

    Raises:
        MissingExtraError: naming the first.
    """
    from edgecv.doctor import EXTRAS

    for step in steps:
        for extra, distribution in _needed(step):
            if find_spec(EXTRAS[extra][distribution]) is None:
                raise MissingExtraError(EXTRAS[extra][distribution], extra, f"stage {step.name}")


def _needed(step: Step) -> Iterator[tuple[str, str]]:
    """Extras and distributions without which a step fails."""
    from edgecv.doctor import EXTRAS

    targets = getattr(step.settings, "targets", None)
    for distribution in step.stage.packages:
        for extra in ("compress", "openvino", "onnxruntime"):
            # TensorRT has other ways where its packages are missing, and says so
            optional = distribution == "tensorrt-rtx"
            untouched = targets is not None and distribution not in targets
            if distribution in EXTRAS[extra] and not optional and not untouched:
                yield extra, distribution


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
