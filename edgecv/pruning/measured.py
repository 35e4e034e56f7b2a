"""A network and what it costs: multiply-accumulates or milliseconds, and its score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from edgecv.models.detector import Detector
from edgecv.models.graph import parameter_count
from edgecv.pruning.convs import Conv, names_of, read_convs
from edgecv.pruning.costs import Costs, latency_costs, macs_costs
from edgecv.pruning.exported import compare, export, measure
from edgecv.pruning.job import Job, Remembered
from edgecv.pruning.quiet import wait_until_quiet
from edgecv.training.processes import world
from edgecv.training.validation import truth_of, validate


@dataclass(frozen=True)
class Measured:
    """A network and what it costs.

    Attributes:
        model: on the CPU.
        path: its graph.
        convs: of the graph.
        names: by conv what an engine may call it.
        parameters: of the graph.
        share: of the original's cost, by the measure of the settings.
    """

    model: Detector
    path: Path
    convs: dict[str, Conv]
    names: dict[str, tuple[str, ...]]
    parameters: int
    share: float = 1.0

    @property
    def macs(self) -> int:
        return sum(conv.macs(conv.inputs, conv.outputs) for conv in self.convs.values())

    def told(self) -> Remembered:
        """{"macs", "parameters"}."""
        return {"macs": self.macs, "parameters": self.parameters}


def compared(
    model: Detector, original: Measured, job: Job, path: Path
) -> tuple[Measured, Remembered]:
    """A smaller network against the original.

    Returns:
        The network, and {"share": of the original's cost, "original_ms", "ms": where time is
        what counts}.
    """
    now = measured(model, job, path)
    if not job.settings.latency:
        share = now.macs / original.macs
        return replace(now, share=share), {"share": share}
    wait_until_quiet()
    slow, quick = compare([original.path, path], job.size, job.engine)
    times = {"share": quick / slow, "original_ms": round(slow, 3), "ms": round(quick, 3)}
    return replace(now, share=quick / slow), times


def measured(model: Detector, job: Job, path: Path) -> Measured:
    """Export a network to `path`, and read from its graph what it costs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return described(model, path, export(model, job.size, path))


def described(model: Detector, path: Path, graph: onnx.ModelProto) -> Measured:
    """The same of a graph that is at `path` already."""
    convs, names = read_convs(graph), names_of(graph)
    return Measured(model, path, convs, names, parameter_count(graph))


def costs_of(now: Measured, job: Job, first: bool) -> Costs:
    """What each width of its convs costs; `first`: where the job may have a table of times."""
    if not job.settings.latency:
        return macs_costs(now.convs)
    wait_until_quiet()
    table = job.table if first else None
    table = table or measure(now.path, job.size, job.engine)
    return latency_costs(now.convs, table, now.names, job.settings.round_to, job.engine)


def score_of(model: Detector, job: Job) -> float | None:
    """mAP on the validation pictures; None where there are none."""
    if job.parts is None:
        return None
    val = job.parts.val
    there = model.to(world().device).eval()
    found = validate(there, val, truth_of(val), job.size).mAP
    model.cpu()
    return found
