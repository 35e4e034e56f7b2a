"""Cut, fine-tune, cut again: a network that loses its channels in several steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import onnx

from edgecv.models.checkpoint import About, write_checkpoint
from edgecv.models.detector import Detector, architecture_of, read_detector
from edgecv.progress import say
from edgecv.pruning.costs import channels_of, macs_costs, total
from edgecv.pruning.groups import Graph, cut
from edgecv.pruning.job import Job, Remembered, check_same, remember
from edgecv.pruning.measured import Measured, compared, costs_of, described, measured, score_of
from edgecv.pruning.search import Limits, check_reachable, choose, limits
from edgecv.pruning.worth import sensitivity_of, weighed_worth
from edgecv.training.loop import Task, train
from edgecv.training.processes import world

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
    original = measured(model, job, job.folder / ORIGINAL)
    groups = Graph(model).groups()
    allowed = limits(groups, job.settings.round_to, job.settings.floor)
    if job.settings.macs:
        check_reachable(groups, macs_costs(original.convs), job.settings.macs, allowed)
    before = remember(job.folder / "before.json", lambda: {"mAP": score_of(model, job)})
    seen = remember(job.folder / "sensitivity.json", lambda: sensitivity_of(model, job))
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
            "before": original.told() | before,
            "after": now.told() | {"mAP": steps[-1]["mAP"]},
            "share": steps[-1]["share"],
            "steps": steps,
            "widths": widths,
            "sensitivity": seen or None,
        },
    )


def _step(
    number: int, before: Measured, original: Measured, allowed: Limits, job: Job
) -> tuple[Measured, Remembered]:
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
    after = described(read_detector(weights), place / GRAPH, onnx.load(place / GRAPH))
    return replace(after, share=told["share"]), {**told, "mAP": score}


def _cut_once(
    before: Measured,
    original: Measured,
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
        worth = weighed_worth(graph, groups, job)
        costs = costs_of(now, job, first=now is original)
        whole = total(costs, channels_of(now.convs, groups, {}))
        choice = choose(groups, worth, costs, whole * min(goal / now.share, 1.0), allowed)
        predicted = now.share * choice.after / choice.before
        smaller = cut(now.model, choice.gone)
        now, times = compared(smaller, original, job, place / GRAPH)
        told = {"goal": goal, "predicted": predicted, **times, **now.told(), "tries": tries}
        if now.share <= goal * (1 + TOLERANCE):
            break
    about = About(architecture=architecture_of(now.model.config))
    write_checkpoint(place / CUT, now.model.state_dict(), about)
    return {**told, "mAP_cut": score_of(now.model, job)}
