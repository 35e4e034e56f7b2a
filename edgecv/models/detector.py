"""Any detector of edgecv: built from a configuration, or from weights that say what they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from edgecv.errors import WeightsError
from edgecv.models.checkpoint import read_about, read_checkpoint
from edgecv.models.shapes import answers, narrow
from edgecv.models.state_dict import load_all
from edgecv.models.students import Student, StudentConfig
from edgecv.models.yolox import Yolox, YoloxConfig, variant_name
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.recipe import DistillSettings

Config = YoloxConfig | StudentConfig
Detector = Yolox | Student


def build(config: Config) -> Detector:
    """A network with random weights."""
    return Yolox(config) if isinstance(config, YoloxConfig) else Student(config)


def name_of(config: Config) -> str:
    """What a network is called in manifests and reports."""
    return variant_name(config) if isinstance(config, YoloxConfig) else config.backbone


def architecture_of(config: Config) -> dict[str, Any] | None:
    """What a checkpoint has to say to be built again; of a YOLOX its weights say enough."""
    return None if isinstance(config, YoloxConfig) else config._asdict()


def read_detector(path: Path) -> Detector:
    """The network of a checkpoint, in eval mode.

    Raises:
        WeightsError: it is missing, damaged, or of an unknown architecture.
    """
    return detector_from_state(read_checkpoint(path), read_about(path).architecture, str(path))


def detector_from_state(
    state: Mapping[str, Tensor], architecture: Mapping[str, Any] | None, origin: str
) -> Detector:
    """A network in eval mode with these weights, all of them and no others.

    Args:
        state: weights by name.
        architecture: what the checkpoint says; None: it is a YOLOX.
        origin: where they came from, for messages.

    Raises:
        WeightsError: not an architecture of edgecv, or weights that do not fit it.
    """
    if architecture is None:
        return yolox_from_state(state, origin)
    with torch.device("meta"):
        model = Student(_student_config(architecture, origin))
        try:
            narrow(model, state)
        except ValueError as error:
            raise WeightsError(
                f"{origin}: not the weights of its {model.config.backbone}: {error}"
            ) from error
        fits = answers(model.eval())
    if not fits:
        raise WeightsError(
            f"{origin}: layers of its {model.config.backbone} do not fit together; "
            "the file was put together from several, or is damaged: train it again"
        )
    what = f"the {model.config.backbone} that it says it holds"
    load_all(model, state, origin, what, "Was it written by another edgecv? Train it again")
    return model.eval()


def _student_config(said: Mapping[str, Any], origin: str) -> StudentConfig:
    """Of what a file says; read as warily as any input."""
    names = StudentConfig._fields
    _refuse(origin, sorted({*said} ^ {*names}))
    config, fields = StudentConfig(**said), DistillSettings.model_fields
    right = {
        "backbone": config.backbone in get_args(fields["student"].annotation),
        "width": isinstance(config.width, int | float) and 0 < config.width <= 2,
        "neck": isinstance(config.neck, int) and 0 < config.neck <= 512,
        "head_convs": isinstance(config.head_convs, int) and 0 < config.head_convs <= 4,
        "activation": config.activation in get_args(fields["activation"].annotation),
        "classes": isinstance(config.classes, int) and config.classes > 0,
    }
    _refuse(origin, [name for name in names if not right[name]])
    return config


def _refuse(origin: str, wrong: Collection[str]) -> None:
    if wrong:
        raise WeightsError(
            f"{origin}: what it says of its architecture cannot be used ({', '.join(wrong)}); "
            f"expected {', '.join(StudentConfig._fields)}. Was it written by a newer edgecv?"
        )
