"""What `edgecv build` may ask of a plan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgecv.errors import UsageError

# of a bundle: the same networks with 16 bits where they are not INT8, for versions that keep types
HALF_FILES = {"fp16": "onnx/tensorrt-fp16.onnx", "int8": "onnx/tensorrt-int8-fp16.onnx"}
# {"fp16", "int8"}: names of the nodes that stay in float32 in versions that choose types
FLOAT32_FILE = "onnx/tensorrt-float32.json"

Batch = tuple[int, int, int]  # fewest, most usual, most


@dataclass(frozen=True)
class PlanOptions:
    """How a plan is built.

    Attributes:
        precision: of the file it is built from.
        half: the same network with 16 bits where it is not INT8, for strongly typed versions.
        float32: nodes that older versions, which choose types by themselves, leave in float32.
        batch: pictures a call, for a file that leaves it open.
        workspace_mb: scratch memory a layer may take; None: what TensorRT takes, on a device
            whose CPU and GPU share memory half of what is free.
        dla: core of the Deep Learning Accelerator; None: the GPU alone.
        timing_cache: file with what earlier builds measured; None: one in edgecv's cache folder.
        version_compatible: later versions of TensorRT run the plan too.
    """

    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    half: Path | None = None
    float32: tuple[str, ...] = ()
    batch: Batch | None = None
    workspace_mb: int | None = None
    dla: int | None = None
    timing_cache: Path | None = None
    version_compatible: bool = False

    def asked(self) -> dict[str, Any]:
        """What was asked for beyond the default, for the manifest and for the same build again."""
        found = {
            "batch": batch_text(self.batch) if self.batch else None,
            "workspace": self.workspace_mb,
            "dla": self.dla,
            "version_compatible": self.version_compatible or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def told(self) -> str:
        """All that was asked for, as it can be typed."""
        cache = {} if self.timing_cache is None else {"timing_cache": self.timing_cache}
        return options_line({**self.asked(), **cache}).strip()


def parse_batch(text: str) -> Batch:
    """`4` or `1:4:8`: fewest, most usual and most pictures a call.

    Raises:
        UsageError: it is neither, or the three do not rise.
    """
    if not re.fullmatch(r"\d+|\d+:\d+:\d+", text):
        raise UsageError(
            f"--batch {text}: expected one number or three, fewest:usual:most, e.g. 1:4:8"
        )
    counts = [int(part) for part in text.split(":")]
    fewest, usual, most = counts if len(counts) == 3 else counts * 3
    if not 1 <= fewest <= usual <= most:
        raise UsageError(f"--batch {text}: expected 1 or more, and no number below the one before")
    return fewest, usual, most


def batch_text(batch: Batch) -> str:
    """What `parse_batch` reads as that batch, at its shortest."""
    return str(batch[0]) if len({*batch}) == 1 else ":".join(map(str, batch))


def options_line(asked: dict[str, Any]) -> str:
    """The options of `edgecv build` that ask for the same again, with a leading blank."""
    words = []
    for name, value in asked.items():
        option = f"--{name.replace('_', '-')}"
        words.append(option if value is True else f"{option} {value}")
    return "".join(f" {word}" for word in words)
