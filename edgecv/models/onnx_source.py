"""What a detector that came as ONNX takes and gives, found by reading it and by running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from edgecv.engines.onnxruntime import package
from edgecv.errors import ModelError
from edgecv.models.onnx_heads import HeadName, decode, prepare, recognise
from edgecv.models.onnx_read import read_onnx
from edgecv.recipe import LoadSettings
from edgecv.types import Array, Image


@dataclass(frozen=True)
class OnnxSource:
    """A float detector as it came.

    Attributes:
        path: the file.
        model: its graph.
        head: layout of its output.
        classes: number of classes.
        height, width: of the input in pixels.
        batch: pictures a call, None when any.
        input: name of its input.
        output: name of its output.
    """

    path: Path
    model: onnx.ModelProto
    head: HeadName
    classes: int
    height: int
    width: int
    batch: int | None
    input: str
    output: str


def open_source(path: Path, settings: LoadSettings) -> OnnxSource:
    """Read an ONNX detector and find out its layout by running it on a black picture.

    Raises:
        ModelError: it is broken, has no single picture as input, leaves its size open, does not
            run, or its output cannot be decoded.
    """
    model = read_onnx(path)
    taken, batch, height, width = _input_of(path, model, settings.input_size)
    outputs = run_source(path, model, np.zeros((batch or 1, 3, height, width), np.float32))
    shapes = {name: (1, *value.shape[1:]) for name, value in outputs.items() if value.ndim == 3}
    if len(shapes) != 1:
        found = ", ".join(f"{name} {value.shape}" for name, value in outputs.items())
        raise ModelError(
            f"{path}: outputs {found}; expected one of three dimensions, boxes and scores in it. "
            "Export the detector without masks, keypoints and non-maximum suppression"
        )
    ((given, shape),) = shapes.items()
    try:
        head, classes = recognise(shape, height, width, settings.head)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    _check_values(path, outputs[given], head, height, width)
    return OnnxSource(path, model, head, classes, height, width, batch, taken, given)


def run_source(path: Path, model: onnx.ModelProto, pictures: Array) -> dict[str, Array]:
    """Outputs by name of a graph with one input, on the CPU as the file says.

    Raises:
        ModelError: it does not run on this input.
    """
    return open_graph(path, model)(pictures)


def open_graph(path: Path, model: onnx.ModelProto) -> Callable[[Array], dict[str, Array]]:
    """A graph with one input as a function; raises ModelError, also when called."""
    ort = package(f"{path}: reading an ONNX network")
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the vendor's exceptions share no base
        raise _does_not_run(path, error, "at all") from error
    names = [output.name for output in session.get_outputs()]
    taken = session.get_inputs()[0].name

    def call(pictures: Array) -> dict[str, Array]:
        try:
            return dict(zip(names, session.run(names, {taken: pictures}), strict=True))
        except Exception as error:
            raise _does_not_run(path, error, f"on an input {pictures.shape}") from error

    return call


def _does_not_run(path: Path, error: Exception, where: str) -> ModelError:
    reason = next((line for line in str(error).splitlines() if line), type(error).__name__)
    return ModelError(
        f"{path}: does not run {where}: {reason[:200]}. Export it again, with a fixed size"
    )


def _input_of(
    path: Path, model: onnx.ModelProto, size: int | None
) -> tuple[str, int | None, int, int]:
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelError(f"{path}: {len(inputs)} inputs ({names}); expected one, the picture")
    tensor = inputs[0].type.tensor_type
    dims = [dim.dim_value or None for dim in tensor.shape.dim]
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
    if len(dims) != 4 or dims[1] != 3 or kind != "FLOAT":
        shape = ", ".join("?" if dim is None else str(dim) for dim in dims)
        raise ModelError(
            f"{path}: input '{inputs[0].name}' is ({shape}) {kind}; expected (B, 3, H, W) FLOAT"
        )
    height, width = dims[2] or size, dims[3] or size
    if height is None or width is None:
        raise ModelError(
            f"{path}: the graph leaves height or width open; say it: --set load.input_size=640"
        )
    if size is not None and (height, width) != (size, size):
        raise ModelError(
            f"{path}: the graph is fixed to {width}x{height}, load.input_size is {size}; "
            "leave that away, or export the graph at this size"
        )
    return inputs[0].name, dims[0], height, width


def _check_values(path: Path, output: Array, head: HeadName, height: int, width: int) -> None:
    """Refuse a layout that the shape fits but the numbers do not."""
    if not np.isfinite(output).all():
        raise ModelError(f"{path}: a black picture gives values that are not finite")
    rows = output[0].T if head == "yolov8" else output[0]
    scores = rows[:, 4:]
    if scores.min() < -1e-3 or scores.max() > 1 + 1e-3:
        raise ModelError(
            f"{path}: as {head} its scores reach from {scores.min():.3g} to {scores.max():.3g}; "
            "expected probabilities: export it with the sigmoid, or name the layout: "
            "--set load.head=..."
        )
    # offsets from a cell stay near it; decoded ones reach over the whole picture
    if head == "yolox" and rows[:, :2].max() > min(height, width) / 2:
        raise ModelError(
            f"{path}: as yolox its boxes are decoded already (centres up to "
            f"{rows[:, :2].max():.0f}); expected offsets: export it without decoding"
        )


def infer_source(source: OnnxSource) -> Callable[[Image], list[Array]]:
    """The detector as it came, decoded in numpy: (B, H, W, 3) uint8 to boxes and scores."""
    call = open_graph(source.path, source.model)

    def infer(batch: Image) -> list[Array]:
        # one call a picture where the file takes no more
        step = source.batch or len(batch)
        parts = [batch[start : start + step] for start in range(0, len(batch), step)]
        rows = [call(prepare(part, source.head))[source.output] for part in parts]
        return list(decode(np.concatenate(rows), source.head, source.height, source.width))

    return infer
