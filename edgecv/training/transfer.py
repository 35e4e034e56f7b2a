"""The network to train: new, or made of weights that were trained for other classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from edgecv.models.detector import Config, Detector, build
from edgecv.models.shapes import narrow
from edgecv.models.yolox import VARIANTS, YoloxConfig

PRIOR = 0.01  # Lin et al. 2017 (RetinaNet): few anchors see an object, so say so from the start
NAMED = 4


def new_network(variant: str, classes: int, seed: int) -> Detector:
    """A published variant with random weights, which follow from the seed alone."""
    return new_network_of(YoloxConfig(*VARIANTS[variant], classes=classes), seed)


def for_classes(
    model: Detector, had: Sequence[str], wanted: Sequence[str], seed: int
) -> tuple[Detector, str]:
    """The network with its class predictions re-made, and a line on what was kept.

    A class that the network knows by its name, case aside, keeps its weights.

    Args:
        model: trained for the classes `had`.
        wanted: class names of the data, in order.
        seed: of the weights of new classes.
    """
    if list(had) == list(wanted):
        return model, f"all {len(model.state_dict())} tensors kept; the classes are the same"
    fresh = new_network_of(model.config._replace(classes=len(wanted)), seed)
    state = model.state_dict()
    kept = {name: value for name, value in state.items() if not name.startswith("head.cls_preds.")}
    narrow(fresh, kept | _resized(state, len(wanted)))
    fresh.load_state_dict(kept, strict=False)
    rows = {name.casefold(): row for row, name in enumerate(had)}
    known = [
        (row, rows[name.casefold()]) for row, name in enumerate(wanted) if name.casefold() in rows
    ]
    for name, new in fresh.head.cls_preds.state_dict().items():  # views of the weights
        old = state[f"head.cls_preds.{name}"]
        for to, row in known:
            new[to] = old[row]
    return fresh, _told(len(kept), len(state), wanted, {to for to, _ in known})


def _resized(state: Mapping[str, Tensor], classes: int) -> dict[str, Tensor]:
    """The class predictions of as many classes, empty: a pruned network's read fewer channels."""
    names = [name for name in state if name.startswith("head.cls_preds.")]
    return {name: torch.empty((classes, *state[name].shape[1:]), device="meta") for name in names}


def _told(kept: int, total: int, wanted: Sequence[str], known: set[int]) -> str:
    new = [name for row, name in enumerate(wanted) if row not in known]
    named = ", ".join(new[:NAMED]) + (", ..." if len(new) > NAMED else "")
    return (
        f"{kept} of {total} tensors kept; class predictions (head.cls_preds) re-made: "
        f"{len(known)} of {len(wanted)} classes known by name" + (f", new: {named}" if new else "")
    )


def new_network_of(config: Config, seed: int) -> Detector:
    """Random weights that follow from the seed alone; every class is as unlikely as `PRIOR`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(config)
    for layers in (model.head.cls_preds, model.head.obj_preds):
        for name, value in layers.state_dict().items():
            if name.endswith("bias"):
                value.fill_(-math.log((1 - PRIOR) / PRIOR))
    return model


def freeze(model: Detector, part: str) -> None:
    """Keep `backbone` (the pyramid and all before it) as it is, or nothing (`none`)."""
    model.backbone.requires_grad_(part == "none")


def training_mode(model: Detector) -> None:
    """Train mode, but for what is frozen: its batch norms keep their statistics."""
    model.train()
    model.backbone.train(next(model.backbone.parameters()).requires_grad)
