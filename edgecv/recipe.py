"""Recipes: which stages run, with which settings. Found by name or path, checked all at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from edgecv.bundle import Record
from edgecv.errors import RecipeError

Observer = Literal["auto", "minmax", "percentile", "mse", "entropy"]
Target = Literal["openvino", "onnxruntime", "tensorrt"]


class LoadSettings(Record):
    """Where the network comes from."""

    weights: str | None = Field(
        None, description="Checkpoint, ONNX file, URL, or the name of a known download."
    )
    head: Literal["auto", "yolox", "yolov8", "yolov5"] = Field(
        "auto",
        description="Output layout of an ONNX file: yolox (1,N,5+C) before decoding, "
        "yolov8 (1,4+C,N), yolov5 (1,N,5+C) decoded.",
    )
    classes: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field(None, description="Class names in order; absent: COCO's 80, or those of the data.")
    input_size: int | None = Field(
        None, gt=0, multiple_of=32, description="Side of the square input in pixels."
    )


class ExportSettings(Record):
    """How the float graph is written."""

    opset: Literal[17, 18] = Field(17, description="ONNX operator set.")
    batch: Annotated[int, Field(gt=0)] | Literal["dynamic"] = Field(
        1, description="Pictures a call, or 'dynamic'."
    )
    simplify: bool = Field(True, description="Fold constants and merge nodes with onnxslim.")


class BudgetSettings(Record):
    """How much accuracy INT8 may cost."""

    max_drop: float = Field(0.005, ge=0, le=1, description="Largest loss of mAP, absolute.")
    max_layers: int = Field(40, ge=0, description="Most layers that may be put back to float.")


class QuantizeSettings(Record):
    """How the INT8 files are made."""

    method: Literal["ptq"] = Field("ptq", description="Post-training quantisation.")
    observer: Observer = Field("auto", description="Range rule; auto: least error per tensor.")
    percentile: float = Field(99.99, gt=50, le=100, description="For observer percentile.")
    images: int = Field(300, ge=8, description="Most calibration pictures used.")
    equalize: bool = Field(True, description="Move scale between channels before each conv.")
    rounding: Literal["nearest", "gptq"] = Field(
        "gptq", description="Round weights alone, or each to make up for those before it."
    )
    bias_correction: bool = Field(True, description="Cancel the mean error of each channel.")
    weight_bits: Literal["auto", 7, 8] = Field(
        "auto", description="auto: 8 where the target CPU multiplies int8 exactly, else 7."
    )
    cpu: Literal["auto", "x86", "x86-vnni", "arm"] = Field(
        "auto", description="CPU that the CPU files are for; auto: this machine's."
    )
    keep_float: tuple[str, ...] = Field((), description="Names of nodes that stay in float.")
    budget: BudgetSettings = BudgetSettings()


class BuildSettings(Record):
    """Which engines get a file."""

    targets: tuple[Target, ...] = Field(
        ("openvino", "onnxruntime", "tensorrt"), min_length=1, description="Engines to build for."
    )


class EvaluateSettings(Record):
    """COCO's protocol."""

    score_min: float = Field(0.001, ge=0, le=1, description="Boxes under it are dropped.")
    nms_iou: float = Field(0.65, gt=0, le=1, description="Overlap above which a box is dropped.")
    max_boxes: int = Field(100, gt=0, description="Boxes kept a picture.")
    resamples: int = Field(500, ge=0, description="Bootstrap resamples for the 95% interval.")


class BenchSettings(Record):
    """How latency is measured."""

    queries: int = Field(120, gt=0, description="Timed calls of each variant.")
    rounds: int = Field(6, gt=0, description="The variants take turns this often.")
    requests: int = Field(2, gt=0, description="Calls in flight for throughput.")


class ReportSettings(Record):
    """What the report shows."""

    photos: int = Field(12, ge=0, description="Pictures with float and INT8 boxes side by side.")


class Recipe(Record):
    """A whole recipe; a section that is absent means that its stage is skipped."""

    recipe: Literal[1] = Field(1, description="Version of the recipe format.")
    load: LoadSettings | None = None
    export: ExportSettings | None = None
    quantize: QuantizeSettings | None = None
    build: BuildSettings | None = None
    evaluate: EvaluateSettings | None = None
    bench: BenchSettings | None = None
    report: ReportSettings | None = None


def packaged_folder() -> Path:
    """Where the recipes of this installation are: beside the sources, or in the wheel."""
    inside = Path(__file__).parent / "recipes"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "recipes"


def names() -> list[str]:
    """Names of the packaged recipes."""
    return sorted(path.stem for path in packaged_folder().glob("*.yaml"))


def find(name: str) -> Path:
    """The file of a recipe: a path, `recipes/NAME.yaml` or `NAME.yaml` here, or a packaged one.

    Raises:
        RecipeError: there is none of that name.
    """
    for path in (Path(name), Path(f"{name}.yaml"), Path("recipes") / f"{name}.yaml"):
        if path.is_file():
            return path
    packaged = packaged_folder() / f"{name}.yaml"
    if packaged.is_file():
        return packaged
    raise RecipeError(
        f"no recipe '{name}'{_did_you_mean(name, names())}; no such file either. "
        f"There are: {', '.join(names())}. See: edgecv recipes list"
    )


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, apply `key=value` overrides, and check everything at once.

    Raises:
        RecipeError: every problem found, each with its line and a suggestion.
    """
    try:
        text = path.read_text("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise RecipeError(f"{path}{where}: not YAML: {problem}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected sections such as 'load:' and 'quantize:'")
    lines = dict(_lines(node))
    for override in overrides:
        keys = _apply(values, override)
        lines.update({keys[:depth]: 0 for depth in range(len(keys), len(keys) + 1)})
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(_problems(path, error, lines)) from error


def _apply(values: dict[str, Any], override: str) -> tuple[str, ...]:
    key, equals, text = override.partition("=")
    keys = tuple(key.split("."))
    if not equals or not all(keys):
        raise RecipeError(f"--set {override}: expected key=value, e.g. quantize.budget.max_drop=.01")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {override}: the value is not YAML") from error
    section = values
    for name in keys[:-1]:
        if not isinstance(section.get(name), dict):
            section[name] = {}
        section = section[name]
    section[keys[-1]] = value
    return keys


def _lines(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)


def _problems(path: Path, error: ValidationError, lines: dict[tuple[str, ...], int]) -> str:
    # a union reports one error a member under the same key: the first says enough
    found: dict[tuple[str, ...], str] = {}
    for item in error.errors():
        keys = tuple(str(part) for part in item["loc"])
        while keys and keys not in lines and item["type"] != "missing":
            keys = keys[:-1]
        line = lines.get(keys, 0)
        where = f"line {line}: " if line else "--set: " if keys in lines else ""
        found.setdefault(keys, f"  {where}{'.'.join(keys) or 'recipe'}: {_explain(item, keys)}")
    count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
    return "\n".join([f"{path}: {count}", *found.values()])


def _explain(item: Any, keys: tuple[str, ...]) -> str:
    if item["type"] == "extra_forbidden":
        return f"unknown key{_did_you_mean(keys[-1], list(_fields_of(keys[:-1])))}"
    message = re.sub(r"^Input", "input", str(item["msg"]))
    return f"{message}, got {item['input']!r}"


def _fields_of(keys: tuple[str, ...]) -> Sequence[str]:
    model: type[BaseModel] = Recipe
    for key in keys:
        annotation = model.model_fields[key].annotation
        options = [annotation, *get_args(annotation)]
        model = next(o for o in options if isinstance(o, type) and issubclass(o, BaseModel))
    return list(model.model_fields)


def _did_you_mean(word: str, options: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
