"""How the network was pruned: facts for the report, and the chart of sensitivity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from pydantic import Field

from edgecv.bundle import Record
from edgecv.report.plot import Axis, Point, frame, polyline

NAMED = 5  # lines of the chart that are drawn strongly, and told to who cannot see it


class NetworkCost(Record):
    """A network before or after pruning."""

    macs: int = Field(description="Multiply-accumulates of one picture.")
    parameters: int
    mAP: float | None = Field(None, description="On the validation pictures; null: none given.")


class PruningStep(Record):
    """One cut, and the fine-tuning after it."""

    goal: float = Field(description="Share of the cost to keep, in [0, 1].")
    predicted: float = Field(description="Share that was expected of the cut.")
    share: float = Field(description="Share that was counted or measured after it.")
    original_ms: float | None = Field(None, description="A call of the original, timed in turns.")
    ms: float | None = Field(None, description="A call of the cut network.")
    macs: int
    parameters: int
    mAP_cut: float | None = Field(None, description="Before fine-tuning.")
    mAP: float | None = Field(None, description="After it.")


class PrunedLayer(Record):
    """Channels that can only go together, named by the first conv that makes them."""

    name: str
    before: int = Field(description="Channels.")
    after: int = Field(description="Channels that were kept.")
    losses: tuple[float, ...] = Field(
        (), description="Loss of the original network with this layer alone cut, at each ratio."
    )


class Pruning(Record):
    """A network that lost channels."""

    unit: str = Field(description="What was to be saved: MACs, or time.")
    keep: float = Field(description="Share of it to keep, in [0, 1].")
    share: float = Field(description="Share that is left.")
    engine: str | None = Field(None, description="Whose time it is.")
    before: NetworkCost
    after: NetworkCost
    steps: tuple[PruningStep, ...]
    layers: tuple[PrunedLayer, ...]
    loss: float | None = Field(None, description="Of the original on the pictures of sensitivity.")
    ratios: tuple[float, ...] = Field((), description="Shares of a layer that were cut alone.")


def pruning(metrics: Mapping[str, Any]) -> Pruning | None:
    """The facts of what the stage prune recorded; None where it did not run."""
    if not metrics:
        return None
    seen = metrics["sensitivity"] or {"loss": None, "ratios": (), "groups": ()}
    losses = {one["group"]: one["losses"] for one in seen["groups"]}
    steps = [
        {key: value for key, value in step.items() if key in PruningStep.model_fields}
        for step in metrics["steps"]
    ]
    return Pruning(
        unit=metrics["unit"],
        keep=metrics["keep"],
        share=metrics["share"],
        engine=metrics["engine"]["name"] if "engine" in metrics else None,
        before=NetworkCost(**metrics["before"]),
        after=NetworkCost(**metrics["after"]),
        steps=tuple(PruningStep(**step) for step in steps),
        layers=tuple(
            PrunedLayer(name=name, before=before, after=after, losses=losses.get(name, ()))
            for name, (before, after) in metrics["widths"].items()
        ),
        loss=seen["loss"],
        ratios=tuple(seen["ratios"]),
    )


def most_sensitive(found: Pruning) -> list[PrunedLayer]:
    """The layers that were measured, most damage first."""
    return sorted(
        (layer for layer in found.layers if layer.losses), key=lambda layer: -sum(layer.losses)
    )


def sensitivity(found: Pruning | None) -> Markup | None:
    """The loss with so much of each layer alone gone; None where it was not measured."""
    layers = most_sensitive(found) if found else []
    if found is None or found.loss is None or not layers:
        return None
    highest = max(max(layer.losses) for layer in layers)
    x = Axis("share of the layer's channels that is gone", 0, found.ratios[-1], "{:.0%}".format)
    y = Axis("loss", 0, max(highest, found.loss) * 1.05)
    marks = []
    for rank, layer in reversed([*enumerate(layers)]):
        points: list[Point] = [(0.0, found.loss), *zip(found.ratios, layer.losses, strict=True)]
        marks.append(polyline(x, y, points, "line most" if rank < NAMED else "line layer"))
    told = ", ".join(layer.name for layer in layers[:NAMED])
    return frame(x, y, marks, f"Loss with a part of one layer gone. It rises most for {told}")
