"""The loss of quantisation-aware training: what INT8 files lack of the truth and of float."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgecv.distillation.response import response_loss
from edgecv.distillation.teacher import Teacher
from edgecv.quantization.qat_network import use_file
from edgecv.recipe import QatSettings
from edgecv.training.batches import Batch
from edgecv.training.losses import loss_parts
from edgecv.training.predictions import predictions


class FilesLoss(nn.Module):
    """A loss for the training loop. Each step is taken as one of the files, by turns.

    So one training serves all files: the weights learn what is common to their roundings, and no
    file is left with weights that were fitted to the grid of another.

    Args:
        files: names of those that the network can compute as.
        teacher: the float network, with the same classes.
        settings: weights of the parts.
        truth: whether the ground truth teaches.
    """

    turn: Tensor

    def __init__(
        self, files: Sequence[str], teacher: Teacher, settings: QatSettings, truth: bool
    ) -> None:
        super().__init__()
        # kept with the checkpoints: a training that was stopped goes on with the file in turn
        self.register_buffer("turn", torch.tensor(0))
        self._files, self._teacher = tuple(files), teacher
        self._settings, self._truth = settings, truth

    def forward(
        self, model: nn.Module, images: Tensor, batch: Batch, plain: bool
    ) -> dict[str, Tensor]:
        """The parts of the loss of a batch, scalars by name."""
        use_file(model, self._files[int(self.turn) % len(self._files)])
        self.turn += 1
        found = predictions(model(images))
        settings, parts = self._settings, dict[str, Tensor]()
        if self._truth:
            truth = loss_parts(found, batch.boxes_xyxy, batch.class_ids, plain)
            parts |= {name: settings.truth * part for name, part in truth.items()}
        if settings.response:
            answer = self._teacher(images)
            columns = torch.arange(answer.classes.shape[2], device=images.device)
            taught = response_loss(found, answer, columns, settings.confidence)
            parts |= {name: settings.response * part for name, part in taught.items()}
        return parts
