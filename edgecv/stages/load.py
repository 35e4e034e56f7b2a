"""Bring a network into a bundle: its weights, or its ONNX file, and what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecv.bundle import Bundle, InputSpec, ModelSpec, sha256_of
from edgecv.errors import UsageError, WeightsError
from edgecv.recipe import LoadSettings
from edgecv.stages import Context

WEIGHTS, SOURCE, LABELS = "weights.safetensors", "source.onnx", "labels.txt"

# sides that the authors trained with
SIZES = {"yolox_nano": 416, "yolox_tiny": 416}
SIZE = 640


def run(bundle: Bundle, settings: LoadSettings, context: Context) -> dict[str, Any]:
    """Find the network, check it, copy it into the bundle, and write its spec and labels.

    Raises:
        UsageError: no weights were given, or the class names do not fit.
        WeightsError: a checkpoint that is missing, damaged or of another architecture.
        ModelError: an ONNX file that cannot be read or decoded.
    """
    weights = context.weights or settings.weights
    if weights is None:
        raise UsageError(f"no weights given: {_choices()}")
    path = find_weights(weights)
    place = _place_onnx if path.suffix.lower() == ".onnx" else _place_checkpoint
    spec, metrics = place(bundle, path, settings, context)
    bundle.new_file(LABELS).write_text("".join(f"{name}\n" for name in spec.class_names), "utf-8")
    bundle.update(spec=spec)
    size = f"{spec.input.width}x{spec.input.height}"
    return {
        "weights": weights,
        "sha256": sha256_of(path),
        **metrics,
        "summary": f"{spec.name}, {len(spec.class_names)} classes, {size}",
    }


def find_weights(weights: str) -> Path:
    """The local file that a path, a URL or a known name stands for; fetched when it is not here.

    Raises:
        WeightsError: there is no such file and no such name, or it cannot be fetched.
    """
    from edgecv.models.download import EMBEDDED_FILE, OFFICIAL, fetch, is_embedded, is_url

    path = Path(weights).expanduser()
    if path.is_file():
        return path
    if is_embedded(weights):
        return EMBEDDED_FILE
    if weights in OFFICIAL or is_url(weights):
        return fetch(OFFICIAL.get(weights, weights), check_fetched)
    what = "a folder" if path.is_dir() else "no such file"
    raise WeightsError(f"{weights}: {what}; {_choices()}")


def check_fetched(path: Path) -> None:
    """Raise WeightsError on a fetched file that is neither a checkpoint nor an ONNX file."""
    from edgecv.errors import ModelError
    from edgecv.models.checkpoint import read_checkpoint
    from edgecv.models.onnx_read import read_onnx

    if path.suffix.lower() != ".onnx":
        read_checkpoint(path)
        return
    try:
        read_onnx(path)
    except ModelError as error:
        raise WeightsError(str(error)) from error


def _choices() -> str:
    from edgecv.models.download import EMBEDDED, OFFICIAL

    return (
        "--weights takes a checkpoint (.pth, .pt, .safetensors), an ONNX file, a URL, or the name "
        f"of a download: {', '.join(OFFICIAL)}; or {EMBEDDED}, which comes with edgecv"
    )


def _place_checkpoint(
    bundle: Bundle, path: Path, settings: LoadSettings, context: Context
) -> tuple[ModelSpec, dict[str, Any]]:
    from edgecv.models.checkpoint import read_about, read_checkpoint, write_checkpoint
    from edgecv.models.class_names import class_names
    from edgecv.models.detector import detector_from_state, name_of

    about = read_about(path)
    model = detector_from_state(read_checkpoint(path), about.architecture, str(path))
    name = name_of(model.config)
    size = settings.input_size or about.input_size or SIZES.get(name, SIZE)
    names = class_names(model.config.classes, settings.classes, about.class_names, context.data)
    about = about._replace(class_names=names, input_size=size)
    write_checkpoint(bundle.new_file(WEIGHTS), model.state_dict(), about)
    spec = ModelSpec(name=name, class_names=names, input=InputSpec(width=size, height=size))
    return spec, {"source": "checkpoint", "architecture": name, "classes": len(names)}


def _place_onnx(
    bundle: Bundle, path: Path, settings: LoadSettings, context: Context
) -> tuple[ModelSpec, dict[str, Any]]:
    import onnx

    from edgecv.models.class_names import class_names
    from edgecv.models.onnx_heads import HEADS
    from edgecv.models.onnx_read import class_names_of
    from edgecv.models.onnx_source import open_source

    source = open_source(path, settings)
    stated = None if settings.classes else class_names_of(path, source.model)
    names = class_names(source.classes, settings.classes, stated, context.data)
    spec = ModelSpec(
        name=path.stem,
        class_names=names,
        input=InputSpec(width=source.width, height=source.height, align=HEADS[source.head].align),
    )
    # not copied: weights that lie beside the file come inside this way
    onnx.save(source.model, bundle.new_file(SOURCE))
    return spec, {"source": "onnx", "head": source.head, "classes": len(names)}
