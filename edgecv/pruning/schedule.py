"""Cut, fine-tune, cut again: a network that loses its channels in several steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import onnx

from edgecv.models.checkpoint import About, write_checkpoint
from edgecv.models.detector import Detector, architecture_of, read_detector
from edgecv.models.graph import parameter_count
from edgecv.progress import say
from edgecv.pruning.convs import Conv, names_of, read_convs
from edgecv.pruning.costs import Costs, channels_of, latency_costs, macs_costs, total
from edgecv.pruning.exported import compare, export, measure
from edgecv.pruning.groups import Graph, Group, cut
from edgecv.pruning.importance import Floats, add_gradients, importance
from edgecv.pruning.job import Job, Remembered, check_same, remember
from edgecv.pruning.search import Limits, check_reachable, choose, limits
from edgecv.pruning.sensitivity import HALF, RATIOS, sensitivity, still_batches, weighed
from edgecv.recipe import TrainSettings
from edgecv.training.batches import Batch, batches
from edgecv.training.loop import Task, train
from edgecv.training.processes import world
from edgecv.training.splits import Parts
from edgecv.training.validation import truth_of, validate

# the time of a cut network is predicted, then measured; where it is longer, more is cut
TRIES, TOLERANCE = 3, 0.02

ORIGINAL, CUT, GRAPH = "original.onnx", "cut.safetensors", "cut.onnx"


class Pruned(NamedTuple):
    """The result.

    Attributes:
        model: on the CPU.
        told: plain values, see `prune`.
    """

    model: Detector
    told: Remembered


@dataclass(frozen=True)
class _Measured:
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


def prune(model: Detector, job: Job) -> Pruned:
    """Cut a network to the share of its costs that the settings name, and fine-tune it.

    Stopped at any instant, the same call goes on after the last step of its last training.

    Returns:
        The network, and of it {"before", "after": {"macs", "parameters", "mAP"}, "share",
        "steps": [as `_cut_once`, with "mAP"], "widths": {group: [before, after]},
        "sensitivity": {"loss", "ratios", "groups": [{"group", "width", "losses"}]} or None}.

    Raises:
        UsageError: the share would empty layers, or the folder holds another pruning.
        EngineError: the engine refuses the network.
        EdgecvError: of the training.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    check_same(job, model)
    original = _measured(model, job, job.folder / ORIGINAL)
    groups = Graph(model).groups()
    allowed = limits(groups, job.settings.round_to, job.settings.floor)
    if job.settings.macs:
        check_reachable(groups, macs_costs(original.convs), job.settings.macs, allowed)
    before = remember(job.folder / "before.json", lambda: {"mAP": _score(model, job)})
    seen = remember(job.folder / "sensitivity.json", lambda: _sensitivity(model, job))
    steps, now = [], original
    for number in range(1, job.settings.steps + 1):
        now, told = _step(number, now, original, allowed, job)
        steps.append(told)
    widths = {group.name: [group.width] for group in groups}
    for group in Graph(now.model).groups():
        widths[group.name].append(group.width)
    return Pruned(
        now.model,
        {
            "before": _told(original) | before,
            "after": _told(now) | {"mAP": steps[-1]["mAP"]},
            "share": steps[-1]["share"],
            "steps": steps,
            "widths": widths,
            "sensitivity": seen or None,
        },
    )


def _step(
    number: int, before: _Measured, original: _Measured, allowed: Limits, job: Job
) -> tuple[_Measured, Remembered]:
    """One cut and the fine-tuning after it, or what is left to do of them."""
    place = job.folder / f"step-{number}"
    goal = job.keep ** (number / job.settings.steps)
    told = remember(
        place / "cut.json", lambda: _cut_once(before, original, allowed, goal, job, place)
    )
    unit = "time" if job.settings.latency else "MACs"
    say(
        f"cut {number}/{job.settings.steps}: {told['share']:.1%} of the {unit}, "
        f"{told['parameters'] / 1e6:.2f} M parameters"
        + (f", mAP {told['mAP_cut']:.4f}" if told["mAP_cut"] is not None else "")
    )
    weights, score = place / CUT, told["mAP_cut"]
    if job.settings.train is not None and job.parts is not None:
        task = Task(job.parts.train, job.parts.val, job.settings.train, job.size, place)
        trained = train(read_detector(weights), task)
        weights = trained.weights
        score = max(row["mAP"] for row in trained.history if "mAP" in row)
        say(f"fine-tuned {number}/{job.settings.steps}: mAP {score:.4f}")
    # fine-tuning changes no shape: the graph of the cut stands for it
    after = _described(read_detector(weights), place / GRAPH, onnx.load(place / GRAPH))
    return replace(after, share=told["share"]), {**told, "mAP": score}


def _cut_once(
    before: _Measured,
    original: _Measured,
    allowed: Limits,
    goal: float,
    job: Job,
    place: Path,
) -> Remembered:
    """Cut until the share is reached.

    Returns:
        {"goal", "predicted", "share": of the original's cost, "macs", "parameters", "mAP_cut",
        "original_ms", "ms": where time was measured, "tries"}; the weights are in `place`.
    """
    now, told = before, Remembered()
    for tries in range(1, TRIES + 1):
        graph = Graph(now.model.to(world().device))
        groups = graph.groups()
        worth = _weighed(graph, groups, job)
        costs = _costs(now, job, first=now is original)
        whole = total(costs, channels_of(now.convs, groups, {}))
        choice = choose(groups, worth, costs, whole * min(goal / now.share, 1.0), allowed)
        predicted = now.share * choice.after / choice.before
        smaller = cut(now.model, choice.gone)
        now, times = _compared(smaller, original, job, place / GRAPH)
        told = {"goal": goal, "predicted": predicted, **times, **_told(now), "tries": tries}
        if now.share <= goal * (1 + TOLERANCE):
            break
    about = About(architecture=architecture_of(now.model.config))
    write_checkpoint(place / CUT, now.model.state_dict(), about)
    return {**told, "mAP_cut": _score(now.model, job)}


def _compared(
    model: Detector, original: _Measured, job: Job, path: Path
) -> tuple[_Measured, Remembered]:
    now = _measured(model, job, path)
    if not job.settings.latency:
        share = now.macs / original.macs
        return replace(now, share=share), {"share": share}
    slow, quick = compare([original.path, path], job.size, job.engine)
    times = {"share": quick / slow, "original_ms": round(slow, 3), "ms": round(quick, 3)}
    return replace(now, share=quick / slow), times


def _measured(model: Detector, job: Job, path: Path) -> _Measured:
    path.parent.mkdir(parents=True, exist_ok=True)
    return _described(model, path, export(model, job.size, path))


def _described(model: Detector, path: Path, graph: onnx.ModelProto) -> _Measured:
    convs, names = read_convs(graph), names_of(graph)
    return _Measured(model, path, convs, names, parameter_count(graph))


def _costs(now: _Measured, job: Job, first: bool) -> Costs:
    if not job.settings.latency:
        return macs_costs(now.convs)
    table = job.table if first else None
    table = table or measure(now.path, job.size, job.engine)
    return latency_costs(now.convs, table, now.names, job.settings.round_to, job.engine)


def _worth(graph: Graph, groups: list[Group], job: Job) -> dict[str, Floats]:
    if job.settings.importance == "taylor" and job.parts is not None:
        settings = job.settings.train or TrainSettings()
        seen = batches(job.parts.train, settings, job.size, epoch=settings.epochs - 1)
        add_gradients(graph, islice(seen, job.settings.batches))
    return importance(graph, groups, job.settings.importance)


def _weighed(graph: Graph, groups: list[Group], job: Job) -> dict[str, Floats]:
    """What each channel is worth, as far as it is known how groups compare."""
    worth = _worth(graph, groups, job)
    if job.parts is None or not job.settings.sensitivity:
        return worth
    loss, found = sensitivity(graph, groups, worth, _seen(job, job.parts), (HALF,))
    return weighed(worth, loss, found, 0)


def _seen(job: Job, parts: Parts) -> list[Batch]:
    # what chooses the layers is not what scores them
    return still_batches(parts.train, job.size, job.settings.sensitivity)


def _sensitivity(model: Detector, job: Job) -> Remembered:
    if job.parts is None or not job.settings.sensitivity:
        return {}
    graph = Graph(model.to(world().device))
    groups = graph.groups()
    seen = _seen(job, job.parts)
    worth = _worth(graph, groups, job)
    loss, found = sensitivity(graph, groups, worth, seen)
    return {"loss": loss, "ratios": RATIOS, "groups": [one._asdict() for one in found]}


def _score(model: Detector, job: Job) -> float | None:
    """mAP on the validation pictures; None where there are none."""
    if job.parts is None:
        return None
    val = job.parts.val
    there = model.to(world().device).eval()
    score = validate(there, val, truth_of(val), job.size).mAP
    model.cpu()
    return score


def _told(measured: _Measured) -> Remembered:
    return {"macs": measured.macs, "parameters": measured.parameters}
