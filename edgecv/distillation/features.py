"""Losses on a teacher's features, level by level, behind 1x1 convs to its channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# (student, teacher, temperature) -> scalar; both (B, C, H, W)
FeatureLoss = Callable[[Tensor, Tensor, float], Tensor]


class Adapters(nn.Module):
    """A 1x1 conv a level from the student's channels to the teacher's. They are trained along, and
    thrown away.

    Args:
        student: channels of the student's levels.
        teacher: channels of the teacher's.
    """

    def __init__(self, student: Sequence[int], teacher: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Conv2d(few, many, 1) for few, many in zip(student, teacher, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [level(feature) for level, feature in zip(self.levels, features, strict=True)]


def channel_wise(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Divergence of where each channel is active: its values over the places of a picture are made
    a distribution, and the student's shall be the teacher's.

    Source: Shu et al. 2021, "Channel-wise Knowledge Distillation for Dense Prediction" (arXiv
    2011.13256), equations 4 and 5.
    """
    of_student, of_teacher = (
        functional.log_softmax(value.float().flatten(2) / temperature, dim=2)
        for value in (student, teacher)
    )
    apart = (of_teacher.exp() * (of_teacher - of_student)).sum(dim=2)
    return apart.mean() * temperature**2


def correlation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """1 - r, meant over channels; r is Pearson's correlation over all places of a batch.

    Scale and offset of a channel do not count, so no feature is too small to be learned.

    Args:
        temperature: not used.

    Source: Cao et al. 2022, "PKD" (arXiv 2207.02039), equation 3: half the squared distance of
    standardised features, which is 1 - r.
    """
    first, second = (_standardised(value.float()) for value in (student, teacher))
    return 1 - (first * second).mean()


def _standardised(value: Tensor) -> Tensor:
    spread, mean = torch.var_mean(value, dim=(0, 2, 3), keepdim=True, correction=0)
    return (value - mean) / (spread + 1e-6).sqrt()


LOSSES: dict[str, FeatureLoss] = {"cwd": channel_wise, "pkd": correlation}
