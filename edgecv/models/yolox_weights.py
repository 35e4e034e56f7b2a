"""YOLOX from a state dict: which variant it is, and whether every weight fits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from edgecv.models.shapes import answers, narrow
from edgecv.models.state_dict import load_all
from edgecv.models.yolox import VARIANTS, Yolox, YoloxConfig

STEM = "backbone.backbone.stem.conv.conv.weight"
CLASSES = "head.cls_preds.0.weight"
SPLIT = "backbone.backbone.dark2.0.dconv.conv.weight"
BLOCK = re.compile(r"backbone\.backbone\.dark2\.1\.m\.(\d+)\.conv1\.conv\.weight")


def config_of(state: Mapping[str, Tensor]) -> YoloxConfig:
    """The configuration that the names and shapes of a state dict tell.

    What the state does not tell is as in YOLOX-Nano, so that a comparison can name what is missing.
    """
    blocks = {match[1] for match in map(BLOCK.fullmatch, state) if match}
    return YoloxConfig(
        channels=_rows(state, STEM, 16),
        blocks=max(len(blocks), 1),
        depthwise=SPLIT in state or STEM not in state,
        classes=_rows(state, CLASSES, 80),
    )


def yolox_from_state(state: Mapping[str, Tensor], origin: str) -> Yolox:
    """YOLOX in eval mode with these weights, all of them and no others.

    Args:
        state: names of the official checkpoints.
        origin: where they came from, for the message.

    Raises:
        WeightsError: keys miss, are unknown or differ in shape; values that are not finite.
    """
    model = _built_for(state)
    load_all(
        model,
        state,
        origin,
        "a YOLOX",
        "Expected a checkpoint with the official names, or give the network as an ONNX file",
    )
    return model.eval()


def _built_for(state: Mapping[str, Tensor]) -> Yolox:
    """On the meta device: as the state's configuration says, or cut down to it if it is pruned."""
    config = config_of(state)
    with torch.device("meta"):
        plain = Yolox(config)
        needed = _channels(plain, state)
        if needed == config.channels and _has_shapes(plain, state):
            return plain
        published = [
            c for c, *shape in VARIANTS.values() if c >= needed and shape == [*config[1:3]]
        ]
        pruned = Yolox(config._replace(channels=min(published, default=needed)))
    try:
        narrow(pruned, state)
    except ValueError:
        return plain  # whose shapes differ: the message says which
    return pruned if answers(pruned) else plain


def _has_shapes(model: Yolox, state: Mapping[str, Tensor]) -> bool:
    return all(
        state[key].shape == value.shape for key, value in model.state_dict().items() if key in state
    )


def _channels(model: Yolox, state: Mapping[str, Tensor]) -> int:
    """The least channels of a stem whose network is nowhere narrower than the state."""
    rows = [
        (state[key].shape[0], value.shape[0])
        for key, value in model.state_dict().items()
        if key in state and key.endswith("conv.weight") and state[key].ndim
    ]
    stem = model.config.channels
    return max([math.ceil(stem * found / built) for found, built in rows], default=stem)


def _rows(state: Mapping[str, Tensor], key: str, default: int) -> int:
    return state[key].shape[0] if key in state and state[key].ndim else default
