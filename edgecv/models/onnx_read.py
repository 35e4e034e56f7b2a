"""Read an ONNX file that somebody else wrote, and refuse early what cannot become a bundle."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]

from edgecv.errors import ModelError

STANDARD = ("", "ai.onnx")
CONTROL_FLOW = ("If", "Loop", "Scan")
QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger")
SHOWN = 3


def read_onnx(path: Path) -> onnx.ModelProto:
    """A float graph of standard operators, with its weights.

    Raises:
        ModelError: no such file; no ONNX, truncated or broken; operators that are not ONNX's own;
            control flow; already quantised.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; expected an ONNX file")
    try:
        model = onnx.load(path)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: its weights are in another file, which is missing ({error.filename}); "
            "keep the two side by side"
        ) from error
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise _broken(path, error) from error
    newest = onnx.defs.onnx_opset_version()
    opset = max((e.version for e in model.opset_import if e.domain in STANDARD), default=0)
    if opset > newest:
        raise ModelError(
            f"{path}: written in opset {opset}, {newest} is the newest known here. "
            "Export it with opset 17"
        )
    if model.graph.node and not model.graph.output:
        raise ModelError(f"{path}: the graph has no output; expected boxes and scores in one")
    try:
        refuse_operators(path, model)
        onnx.checker.check_model(model)
    # TypeError: a damaged name that is no text
    except (onnx.checker.ValidationError, ValueError, TypeError) as error:
        raise _broken(path, error) from error
    return model


def refuse_operators(path: Path, model: onnx.ModelProto) -> None:
    """Raise ModelError on operators that not every engine has, or that are quantised already."""
    foreign = _named(model, lambda node: not _standard(node))
    if foreign:
        raise ModelError(
            f"{path}: operators that are not ONNX's own: {foreign}. The engines do not have them; "
            "export again with standard operators only"
        )
    flow = _named(model, lambda node: node.op_type in CONTROL_FLOW)
    if flow:
        raise ModelError(
            f"{path}: control flow in the graph: {flow}. Expected a plain network; export it "
            "without non-maximum suppression and with a fixed size"
        )
    quantised = _named(model, lambda node: node.op_type in QUANTISED)
    if quantised:
        raise ModelError(
            f"{path}: already quantised: {quantised}. Expected the float network; "
            "the INT8 files are made from that"
        )


def class_names_of(path: Path, model: onnx.ModelProto) -> tuple[str, ...] | None:
    """The names that YOLO exporters leave in the metadata: {0: 'person', ...} or a list.

    Raises:
        ModelError: there are some, but not in such a form.
    """
    text = next((entry.value for entry in model.metadata_props if entry.key == "names"), None)
    if text is None:
        return None
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        names = None
    if isinstance(names, dict) and sorted(map(str, names)) == sorted(map(str, range(len(names)))):
        names = [names.get(index, names.get(str(index))) for index in range(len(names))]
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ModelError(
            f"{path}: class names in the metadata cannot be read: {text[:60]!r}; expected a list, "
            "or numbers from 0 with names. Correct it, or remove it and --set load.classes=[...]"
        )
    return tuple(names)


def _standard(node: onnx.NodeProto) -> bool:
    return node.domain in STANDARD and bool(onnx.defs.has(node.op_type))


def _named(model: onnx.ModelProto, wanted: Callable[[onnx.NodeProto], bool]) -> str:
    found = sorted({f"{n.domain}.{n.op_type}".lstrip(".") for n in model.graph.node if wanted(n)})
    return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if found[SHOWN:] else "")


def _broken(path: Path, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or ["cannot be decoded"])[0]
    return ModelError(
        f"{path}: not a whole ONNX file ({path.stat().st_size} bytes; {reason[:160]}). "
        "Export or copy it again"
    )
