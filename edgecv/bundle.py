"""The artefact that every stage reads and writes, and that a device runs: a folder with a manifest.

bundle/
  manifest.json        ModelSpec, sha256 of every file, variants, history of stages
  model.onnx           the float graph
  labels.txt           class names, one a line
  quantization.json    ranges and weight scales, kept-float layers
  engines/             one file (or pair) per variant
  report.html .json .md
  signature.json       of the manifest, and thereby of every file above
  built/               engines that a device built of a signed bundle, with their own manifest
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edgecv.errors import BundleError

FORMAT = "edgecv-bundle/1"
MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
BUILT = "built"
# the files of edgecv/engines, which this ring does not import
ENGINE_NAMES = ("openvino", "onnxruntime", "tensorrt", "torch", "null")


class Record(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _inside(name: str) -> str:
    # a bundle may come from anywhere: what its manifest names is opened, replaced and removed
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError("a file's name must be relative and stay in the bundle")
    return name


FileName = Annotated[str, AfterValidator(_inside)]


class InputSpec(Record):
    """What the graph takes: (batch, height, width, 3) uint8, BGR, letterboxed."""

    name: str = Field("images", description="Name of the graph's input.")
    width: int = Field(gt=0, description="Pixels.")
    height: int = Field(gt=0, description="Pixels.")
    batch: int | None = Field(1, description="Pictures a call; null when dynamic.")
    pad_value: int = Field(114, ge=0, le=255, description="Grey level of the letterbox border.")
    align: Literal["top-left", "center"] = Field(
        "top-left", description="Where the picture stands in the letterbox."
    )


class OutputSpec(Record):
    """What the graph gives, decoded: boxes (B, N, 4) xyxy in input pixels, scores (B, N, C)."""

    boxes: str = "boxes"
    scores: str = "scores"


class ModelSpec(Record):
    """All that is needed to feed a network and to read its answer."""

    task: Literal["detect"] = "detect"
    name: str = Field(description="Architecture or file the network came from.")
    class_names: tuple[str, ...]
    input: InputSpec
    output: OutputSpec = OutputSpec()


class FileRecord(Record):
    sha256: str
    size_bytes: int


class Variant(Record):
    """One engine file of the bundle."""

    name: str = Field(description="<engine>-<precision>, unique in the bundle.")
    engine: str = Field(description="File of edgecv/engines that opens it.")
    precision: Literal["fp32", "fp16", "int8"]
    file: FileName = Field(description="Path in the bundle of the file that the engine opens.")
    requires: dict[str, Any] = Field(
        default_factory=dict, description="What the machine must have, e.g. {'cpu': 'vnni'}."
    )
    details: dict[str, Any] = Field(
        default_factory=dict, description="What the builder says, e.g. an acceptance verdict."
    )

    @property
    def files(self) -> tuple[str, ...]:
        """All that the engine opens: an IR's weights stand beside it under the same name."""
        path = Path(self.file)
        weights = (path.with_suffix(".bin").as_posix(),) if path.suffix == ".xml" else ()
        return (self.file, *weights) if self.file else ()


class StageRecord(Record):
    """One completed stage."""

    stage: str
    key: str = Field(description="sha256 of all that decides the result.")
    settings: dict[str, Any]
    metrics: dict[str, Any]
    seconds: float
    environment: dict[str, Any]


class Manifest(Record):
    format: Literal["edgecv-bundle/1"] = "edgecv-bundle/1"
    recipe: str = ""
    spec: ModelSpec | None = None
    files: dict[FileName, FileRecord] = Field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    history: tuple[StageRecord, ...] = ()


def _refusal(error: ValueError) -> str:
    """Why a text is no manifest, and what to do."""
    if not isinstance(error, ValidationError):
        reason = str(error).partition("\n")[0]
    else:
        found = {".".join(map(str, one["loc"])): one for one in error.errors()}
        for key, what in (("spec.task", "a network for"), ("format", "of the format")):
            if key in found and isinstance(found[key]["input"], str):
                return (
                    f"{what} '{found[key]['input']}'; this edgecv takes "
                    f"{found[key]['ctx']['expected']}. Take another bundle, or another edgecv"
                )
        where, first = next(iter(found.items()))
        reason = f"{where}: {first['msg']}" if where else str(first["msg"])
    return (
        f"not a manifest of format {FORMAT} ({reason}). "
        "Make the bundle again by the command that its report names"
    )


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old text or the new, never half."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)  # what a kill left; or a link, which is not followed
    with temporary.open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk: a file that is there may still lack its name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Bundle:
    """A folder and its manifest.

    Attributes:
        folder: where the files are.
        manifest: frozen; `update` replaces it.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, folder: Path, content: bytes | None = None) -> Bundle:
        """Read a bundle's manifest; `verify` checks its files.

        Args:
            folder: the bundle's.
            content: of the manifest, where it was read before.

        Raises:
            BundleError: no manifest, or one that cannot be understood.
        """
        path = folder / MANIFEST
        if folder.is_file():
            raise BundleError(f"{folder}: a file; expected a bundle, the folder that compress made")
        if not path.is_file():
            raise BundleError(
                f"{folder}: no {MANIFEST} here, so this is no bundle. "
                "Make one: edgecv compress --recipe yolo_int8 --out " + str(folder)
            )
        try:
            read = path.read_bytes() if content is None else content
            return cls(folder, Manifest.model_validate_json(read))
        except (ValidationError, ValueError) as error:
            raise BundleError(f"{path}: {_refusal(error)}") from error

    @property
    def spec(self) -> ModelSpec:
        """The model's spec.

        Raises:
            BundleError: no stage has set one yet.
        """
        if self.manifest.spec is None:
            raise BundleError(f"{self.folder}: no model in this bundle yet; run the load stage")
        return self.manifest.spec

    def path(self, name: str) -> Path:
        return self.folder / name

    def new_file(self, name: str) -> Path:
        """A path to write to; unlinks what is there, since it may be shared with another stage."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return path

    def write_json(self, name: str, value: Any) -> Path:
        path = self.new_file(name)
        path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
        return path

    def update(self, **changes: Any) -> None:
        self.manifest = self.manifest.model_copy(update=changes)

    def add_variants(self, *variants: Variant) -> None:
        """Add engine files; one of the same name is replaced."""
        names = {variant.name for variant in variants}
        kept = tuple(old for old in self.manifest.variants if old.name not in names)
        self.update(variants=kept + variants)

    def variant(self, engine: str, precision: str | None = None) -> Variant:
        """The variant for an engine: of that precision, else int8 before fp16 before fp32.

        Args:
            engine: its name, or that of a variant.
            precision: None: any.

        Raises:
            BundleError: the bundle has none.
        """
        for variant in self.manifest.variants:
            if variant.name == engine and precision in (None, variant.precision):
                return variant
        order = ("int8", "fp16", "fp32") if precision is None else (precision,)
        for wanted in order:
            for variant in self.manifest.variants:
                if variant.engine == engine and variant.precision == wanted:
                    return variant
        have = ", ".join(variant.name for variant in self.manifest.variants) or "none"
        asked = engine if precision is None else f"{engine}-{precision}"
        # what was asked for may be the name of a variant, which no build is told by, or a slip
        kind = engine.partition("-")[0]
        build = f". Build one: edgecv build {self.folder} --engine {kind}"
        raise BundleError(
            f"{self.folder}: no variant {asked}; it has {have}"
            + (build if kind in ENGINE_NAMES else "")
        )

    def metrics(self, stage: str) -> dict[str, Any]:
        """What a stage measured; empty when it has not run."""
        for record in reversed(self.manifest.history):
            if record.stage == stage:
                return record.metrics
        return {}

    def save(self, written: Collection[str] | None = None) -> None:
        """Hash the files and write the manifest, last and in one step.

        Args:
            written: names of those whose content is new; the others keep their record, so that
                one which was changed by somebody else stays refused. None: all are new.
        """
        known = self.manifest.files
        kept = {} if written is None else {n: r for n, r in known.items() if n not in written}
        files: dict[str, FileRecord] = dict(kept)
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            apart = name.startswith(".") or name.partition("/")[0] in (MANIFEST, SIGNATURE, BUILT)
            ours = path.is_file() and not apart
            if ours and name not in kept:
                files[name] = FileRecord(sha256=sha256_of(path), size_bytes=path.stat().st_size)
        if files != known:
            self.update(files=files)
        write_atomically(
            self.folder / MANIFEST, self.manifest.model_dump_json(indent=1, exclude_none=False)
        )

    def verify(self) -> list[str]:
        """The names of files that are missing or differ from their recorded sha256."""
        return [name for name in self.manifest.files if self.is_changed(name)]

    def is_changed(self, name: str) -> bool:
        """Whether a file is missing or differs from its record; one without a record never does."""
        record = self.manifest.files.get(name)
        if record is None:
            return False
        return not self.path(name).is_file() or sha256_of(self.path(name)) != record.sha256
