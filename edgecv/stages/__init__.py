"""The stages in order. A stage is a function `run(bundle, settings, context) -> metrics`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Context:
    """What a run is about, beside the recipe.

    Attributes:
        weights: checkpoint, ONNX file, URL or name of a download; overrides the recipe's.
        data: folder with pictures and ground truth, or None.
        calibration: folder of pictures without ground truth, or None.
        command: the command line, for the report.
    """

    weights: str | None = None
    data: Path | None = None
    calibration: Path | None = None
    command: tuple[str, ...] = ()


# name in the recipe -> "module:function", and the folders whose sources decide the result
STAGES = {
    "load": ("edgecv.stages.load:run", ("models",)),
    "export": ("edgecv.stages.export:run", ("models",)),
    "quantize": ("edgecv.stages.quantize:run", ("quantization",)),
    "build": ("edgecv.stages.build:run", ("engines",)),
    "evaluate": ("edgecv.stages.evaluate:run", ("engines", "metrics", "runtime", "data")),
    "bench": ("edgecv.stages.bench:run", ("engines", "runtime")),
    "report": ("edgecv.stages.report:run", ("report",)),
}
