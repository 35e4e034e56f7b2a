"""What the channels of a network are worth, by the pictures of a job."""

from __future__ import annotations

from itertools import islice

from edgecv.models.detector import Detector
from edgecv.pruning.groups import Graph, Group
from edgecv.pruning.importance import Floats, add_gradients, importance
from edgecv.pruning.job import Job, Remembered
from edgecv.pruning.sensitivity import HALF, RATIOS, sensitivity, still_batches, weighed
from edgecv.recipe import TrainSettings
from edgecv.training.batches import Batch, batches
from edgecv.training.processes import world
from edgecv.training.splits import Parts


def _worth(graph: Graph, groups: list[Group], job: Job) -> dict[str, Floats]:
    if job.settings.importance == "taylor" and job.parts is not None:
        settings = job.settings.train or TrainSettings()
        seen = batches(job.parts.train, settings, job.size, epoch=settings.epochs - 1)
        add_gradients(graph, islice(seen, job.settings.batches))
    return importance(graph, groups, job.settings.importance)


def weighed_worth(graph: Graph, groups: list[Group], job: Job) -> dict[str, Floats]:
    """What each channel is worth, as far as it is known how groups compare."""
    worth = _worth(graph, groups, job)
    if job.parts is None or not job.settings.sensitivity:
        return worth
    loss, found = sensitivity(graph, groups, worth, _seen(job, job.parts), (HALF,))
    return weighed(worth, loss, found, 0)


def _seen(job: Job, parts: Parts) -> list[Batch]:
    # what chooses the layers is not what scores them
    return still_batches(parts.train, job.size, job.settings.sensitivity)


def sensitivity_of(model: Detector, job: Job) -> Remembered:
    """{"loss", "ratios", "groups": [{"group", "width", "losses"}]}; {} without pictures."""
    if job.parts is None or not job.settings.sensitivity:
        return {}
    graph = Graph(model.to(world().device))
    groups = graph.groups()
    seen = _seen(job, job.parts)
    worth = _worth(graph, groups, job)
    loss, found = sensitivity(graph, groups, worth, seen)
    return {"loss": loss, "ratios": RATIOS, "groups": [one._asdict() for one in found]}
