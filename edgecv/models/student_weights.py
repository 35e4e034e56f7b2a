"""The ImageNet weights of torchvision's classifiers into the backbones of students.

They expect RGB in [0, 1] less a mean, over a deviation; our networks are fed BGR in [0, 255]. The
first conv and its norm take that in, so it costs nothing when the network runs. Where that conv
pads with zeros, which is its first row and column, the picture's border is black instead of grey:
to subtract the mean in front of it would be exact there too, but took OpenVINO nearly as long as
the conv (1.9 ms for both instead of 1.0, 416 pixels, one thread), and what is learned here is
learned with that border.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from edgecv.errors import WeightsError
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.student_backbones import BACKBONES, Backbone

# of ImageNet, RGB, as torchvision's classifiers were trained
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FETCHED = "imagenet"
# of ours; a Fire gives two halves side by side, a conv that reads it takes of both
FIRST_FIRE = "features.3.squeeze.conv.weight"
SHOWN = 3


def find_backbone_weights(weights: str, name: str) -> Path:
    """The file of a backbone's weights: a path, or torchvision's own, fetched, for 'imagenet'.

    Raises:
        WeightsError: no such file, or it cannot be fetched.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    if weights != FETCHED:
        raise WeightsError(
            f"distill.backbone_weights: no file {weights}; expected the weights of torchvision's "
            f"{name}, or '{FETCHED}' to fetch them. Without, the student starts from scratch"
        )
    from torchvision.models import get_model_weights

    from edgecv.models.download import fetch

    url = get_model_weights(BACKBONES[name].weights)["IMAGENET1K_V1"].url
    try:
        return fetch(url, lambda found: check_backbone(found, name))
    except WeightsError as error:
        raise WeightsError(
            str(error).replace("to --weights", "as distill.backbone_weights")
        ) from error


def check_backbone(path: Path, name: str) -> None:
    """Raise WeightsError on a file that does not hold the weights of torchvision's `name`."""
    _source(Backbone(name, 1.0, "relu"), read_checkpoint(path), path, name)


def load_backbone(backbone: Backbone, path: Path, name: str) -> str:
    """Give a backbone the weights of a file, and tell what was and what was not loaded.

    A backbone that is narrower takes the first channels of each layer.

    Args:
        backbone: with random weights; changed.
        path: weights of torchvision's classifier, with or without its last layers.
        name: of the backbone.

    Raises:
        WeightsError: the file is damaged, or of another network.
    """
    state, whole, parts = backbone.state_dict(), 0, 0
    for key, value in _source(backbone, read_checkpoint(path), path, name).items():
        part = _part(key, value, state[key].shape)
        if part is not None:
            state[key].copy_(part)
            whole, parts = whole + (part.shape == value.shape), parts + (part.shape != value.shape)
    if name.startswith("squeezenet"):
        for norm in norms_of(backbone):
            _statistics(norm)[1].fill_(1 - norm.eps)  # so that it adds its bias and no more
    if whole + parts:
        first = backbone.features[0]
        conv = next(one for one in first.modules() if isinstance(one, nn.Conv2d))
        _take_pixels(conv, norms_of(first)[0])
    total = sum(not key.endswith("num_batches_tracked") for key in state)
    cut = f", the first channels of {parts} more" if parts else ""
    return (
        f"backbone: {whole} of {total} tensors from {path.name}{cut}, "
        f"{total - whole - parts} new; pyramid and head are new"
    )


def keep_answers(backbone: nn.Module, images: Tensor) -> None:
    """Set the statistics of all norms to those of pictures, and their weights so that in eval mode
    every layer answers as before; in training, which normalises, it then nearly does.

    Args:
        images: (B, 3, H, W) float BGR in [0, 255].
    """

    def measure(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        found = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3), correction=0)
        mean, spread = _statistics(norm)
        factor = norm.weight / (spread + norm.eps).sqrt()
        norm.bias.add_(factor * (found[0] - mean))
        norm.weight.copy_(factor * (found[1] + norm.eps).sqrt())
        mean.copy_(found[0])
        spread.copy_(found[1])

    hooks = [norm.register_forward_pre_hook(measure) for norm in norms_of(backbone)]
    training = backbone.training
    with torch.no_grad():
        backbone.eval()(images)
    backbone.train(training)
    for hook in hooks:
        hook.remove()


def norms_of(network: nn.Module) -> list[nn.BatchNorm2d]:
    """Its batch norms, in the order of its modules."""
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def _source(
    backbone: Backbone, file: Mapping[str, Tensor], path: Path, name: str
) -> dict[str, Tensor]:
    """The weights of a file under the names of our backbone, its counts of batches left out."""
    found: dict[str, Tensor] = {}
    missing = []
    for key, value in backbone.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        theirs = _their_name(key) if name.startswith("squeezenet") else key
        if theirs is None:
            continue
        if theirs in file and file[theirs].ndim == value.ndim:
            found[key] = file[theirs].float()
        else:
            missing.append(theirs)
    if missing:
        raise WeightsError(
            f"{path}: not the weights of torchvision's {name}: {len(missing)} tensors are missing "
            f"or of another form ({', '.join(missing[:SHOWN])}{', ...' if missing[SHOWN:] else ''})"
        )
    return found


def _their_name(key: str) -> str | None:
    """What torchvision calls a tensor of our SqueezeNet; None where it has none.

    Its convs have a bias and no norm: the bias is that of ours.
    """
    if key.startswith("features.14."):
        return None
    if ".bn." in key:
        return key.replace(".bn.", ".") if key.endswith("bias") else None
    return key.replace(".conv.", ".")


def _part(key: str, value: Tensor, shape: torch.Size) -> Tensor | None:
    """The first channels of a tensor, as many as there are room for; None: it has too few."""
    if any(few > many for few, many in zip(shape, value.shape, strict=True)):
        return None
    part = value[: shape[0]]
    if value.ndim > 1 and shape[1] < value.shape[1]:
        halves = 2 if key.endswith("squeeze.conv.weight") and key != FIRST_FIRE else 1
        each = shape[1] // halves
        part = torch.cat([half[:, :each] for half in part.chunk(halves, dim=1)], dim=1)
    return part


def _take_pixels(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Let a first conv and its norm take BGR in [0, 255] instead of normalised RGB.

    The conv keeps the size of its weights, as training moves them by steps of that size.
    """
    weight, (mean, spread) = conv.weight.data, _statistics(norm)
    scale, shift = 1 / (255 * torch.tensor(DEVIATION)), torch.tensor(MEAN) / torch.tensor(DEVIATION)
    missing = (weight * shift.view(1, 3, 1, 1)).sum((1, 2, 3))
    middle = scale.mean()
    weight.copy_((weight * (scale / middle).view(1, 3, 1, 1)).flip(1))
    mean.copy_((mean + missing) / middle)
    spread.copy_((spread + norm.eps) / middle**2 - norm.eps)


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Mean and variance of a norm that keeps them, as ours do."""
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError(f"{norm} keeps no statistics")
    return norm.running_mean, norm.running_var
