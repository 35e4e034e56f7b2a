"""Where an engine spends the time of a call, layer by layer, and the machine it was measured on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError

from edgecv.bundle import Bundle, Record, Variant
from edgecv.engines import check_variant
from edgecv.engines._layers import Profile, profile
from edgecv.errors import UsageError
from edgecv.machine import available_cores, read_cpu
from edgecv.types import Image

CALLS = 50


class LayerRow(Record):
    """A node as the engine runs it."""

    name: str = Field(description="The engine's own name.")
    kind: str = Field(description="Operator, in the engine's words.")
    ms: float = Field(description="Median over the calls.")
    nodes: tuple[str, ...] = Field(description="Nodes of the graph that were fused into it.")


class LayerTable(Record):
    """The times of all layers of one network on one machine."""

    format: Literal["edgecv-layers/1"] = "edgecv-layers/1"
    variant: str = Field(description="<engine>-<precision>.")
    engine: str
    version: str = Field(description="Of the engine's package.")
    cpu: str
    cores: int = Field(description="Threads of each call.")
    whole_ms: float = Field(description="Median of a call in which no layer was timed.")
    layers: tuple[LayerRow, ...]

    @property
    def layers_ms(self) -> float:
        """Of all layers together."""
        return sum(layer.ms for layer in self.layers)


def measure_layers(bundle: Bundle, variant: Variant, calls: int = CALLS) -> LayerTable:
    """Time the layers of a variant on a picture of noise.

    Raises:
        BundleError: its file is missing or has changed.
        UsageError: its engine tells no times of single layers.
        EngineError: it cannot be run here.
    """
    check_variant(bundle, variant)
    spec = bundle.spec.input
    feeds = {spec.name: noise(spec.batch or 1, spec.height, spec.width)}
    cores = available_cores()
    found = profile(variant.engine, bundle.path(variant.file), feeds, cores, calls)
    return as_table(found, variant.name, variant.engine, cores)


def noise(batch: int, height: int, width: int) -> Image:
    """(B, H, W, 3) uint8: what a conv takes does not depend on what it sees."""
    return np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), np.uint8)


def as_table(found: Profile, variant: str, engine: str, cores: int) -> LayerTable:
    """What an engine told, with this machine's name."""
    rows = (LayerRow(**layer._asdict()) for layer in found.layers)
    return LayerTable(
        variant=variant,
        engine=engine,
        version=found.version,
        cpu=read_cpu().model,
        cores=cores,
        whole_ms=round(found.whole_ms, 4),
        layers=tuple(rows),
    )


def layers_file(variant: str) -> str:
    """Where a bundle keeps the layer times of a variant."""
    return f"layers/{variant}.json"


def read_layers(path: Path, engine: str) -> LayerTable:
    """Layer times that `edgecv bench --layers` wrote.

    Args:
        path: of the file.
        engine: whose they should be.

    Raises:
        UsageError: no such file; something else; of another engine or machine.
    """
    again = f"Measure here: edgecv bench BUNDLE --layers --engine {engine}"
    if not path.is_file():
        raise UsageError(f"{path}: no such file, expected layer times. {again}")
    try:
        table = LayerTable.model_validate_json(path.read_text("utf-8"))
    except (ValidationError, ValueError) as error:
        raise UsageError(f"{path}: not a file of layer times. {again}") from error
    if table.engine != engine:
        raise UsageError(f"{path}: layer times of {table.engine}, expected {engine}. {again}")
    here = (read_cpu().model, available_cores())
    if (table.cpu, table.cores) != here:
        raise UsageError(
            f"{path}: measured on {table.cpu} with {table.cores} cores; this machine is {here[0]} "
            f"with {here[1]}, whose layers take other times. {again}"
        )
    return table


def times_by_node(table: LayerTable) -> Mapping[str, float]:
    """Milliseconds by node of the graph; those fused into one layer have the same, its whole."""
    return {node: layer.ms for layer in table.layers for node in layer.nodes}
