"""What the quantize stage tells about its files, for the report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from edgecv.quantization.budget import Step
from edgecv.quantization.files import STEM_CHANNELS, TARGETS, Files
from edgecv.recipe import BudgetSettings


def account(
    files: Files, chosen: Mapping[str, Step], kept_by_recipe: Collection[str]
) -> dict[str, Any]:
    """Bits, shares of the work in int8, and each conv in float with its damage and reason."""
    share = {
        target: files.network.share(files.asymmetric.keys() - set(chosen[target].kept_float))
        for target in TARGETS
    }
    low, high = min(share.values()), max(share.values())
    return {
        "weight_bits": files.weight_bits,
        "cpu": files.cpu,
        "images": files.images,
        "int8_macs_share": share,
        "sqnr_db": {target: step.sqnr_db for target, step in chosen.items()},
        "kept_float": _rows(files, chosen, kept_by_recipe),
        "ranking": [
            {"node": name, "macs_share": files.network.share({name}), "sqnr_db": value}
            for name, value in files.rankings["openvino"].items()
        ],
        "summary": f"{low:.0%} to {high:.0%} of MACs in int8, {files.weight_bits}-bit weights, "
        f"{files.images} pictures",
    }


def account_budget(
    chosen: Mapping[str, Step], budget: BudgetSettings, float_score: float | None, data: str | None
) -> dict[str, Any]:
    """Whether every file keeps the budget, and the mAP of the one that loses most."""
    drops = [step.drop(float_score or 0.0) for step in chosen.values()]
    return {
        "max_drop": budget.max_drop,
        "metric": None if float_score is None else "mAP",
        "float": float_score,
        "int8": None if float_score is None else float_score - max(drops),
        "met": max(drops) <= budget.max_drop,
        "data": data,
    }


def account_steps(tries: Mapping[str, Sequence[Step]]) -> list[dict[str, Any]]:
    """Every try at every target, as it came."""
    return [
        {
            "target": step.target,
            "kept_float": len(step.kept_float),
            "metric": step.score,
            "sqnr_db": step.sqnr_db,
        }
        for steps in tries.values()
        for step in steps
    ]


def _rows(
    files: Files, chosen: Mapping[str, Step], kept_by_recipe: Collection[str]
) -> list[dict[str, Any]]:
    return [
        {
            "node": layer.name,
            "op": "Conv",
            "macs_share": files.network.share({layer.name}),
            "sqnr_db": min(
                (r[layer.name] for r in files.rankings.values() if layer.name in r), default=None
            ),
            "reason": reason,
        }
        for layer in files.network.layers
        if (reason := _reason(files, chosen, kept_by_recipe, layer.name))
    ]


def _reason(
    files: Files, chosen: Mapping[str, Step], kept_by_recipe: Collection[str], name: str
) -> str:
    layer = next(one for one in files.network.layers if one.name == name)
    if layer.final:
        return "prediction: nothing after it can make up for its error"
    if name in kept_by_recipe:
        return "quantize.keep_float"
    targets = [target for target in TARGETS if name in chosen[target].kept_float]
    if targets == ["tensorrt"] and layer.in_channels <= STEM_CHANNELS:
        return "TensorRT has no INT8 kernel for three input channels"
    where = "every file" if len(targets) == len(TARGETS) else ", ".join(targets)
    return f"noise for its work: {where}" if targets else ""
