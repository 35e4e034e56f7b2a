"""Bring a network into a bundle: its weights, or its ONNX file, and what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecv.bundle import MANIFEST, Bundle, InputSpec, ModelSpec, sha256_of
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
    if Path(weights).expanduser().is_dir():
        settings = _as_in_bundle(Path(weights).expanduser(), settings)
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

    Of a bundle its own network: the checkpoint, or the ONNX file that it came from.

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
    if (path / MANIFEST).is_file():
        return _in_bundle(path)
    what = "a folder" if path.is_dir() else "no such file"
    raise WeightsError(f"{weights}: {what}; {_choices()}")


def _in_bundle(folder: Path) -> Path:
    name = next((name for name in (WEIGHTS, SOURCE) if (folder / name).is_file()), None)
    if name is None:
        raise WeightsError(f"{folder}: a bundle without {WEIGHTS} or {SOURCE}: {_choices()}")
    if Bundle.open(folder).is_changed(name):
        raise WeightsError(
            f"{folder / name}: changed since the bundle was made; expected the file that its "
            "manifest names. Copy the bundle again"
        )
    return folder / name


def _as_in_bundle(folder: Path, settings: LoadSettings) -> LoadSettings:
    """Class names and size of a bundle's network, where the recipe says nothing."""
    spec = Bundle.open(folder).spec
    size = spec.input.width if spec.input.width == spec.input.height else None
    known = {"classes": spec.class_names, "input_size": size}
    return settings.model_copy(
        update={name: value for name, value in known.items() if getattr(settings, name) is None}
    )


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
        "--weights takes a checkpoint (.pth, .pt, .safetensors), an ONNX file, a bundle, a URL, or "
        f"the name of a download: {', '.join(OFFICIAL)}; or {EMBEDDED}, which comes with edgecv"
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
