"""One step: a batch through the network, its loss back, the weights moved and averaged."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from edgecv.errors import EdgecvError
from edgecv.models.detector import Detector
from edgecv.recipe import TrainSettings
from edgecv.training.batches import Batch
from edgecv.training.losses import Loss
from edgecv.training.optimiser import make_optimiser, update_average
from edgecv.training.processes import World, mean_over_processes
from edgecv.training.transfer import freeze, training_mode


class Learner:
    """A network and all that changes with it from step to step.

    Args:
        model: moved to the device and trained in place.
        settings: of the training.
        loss: what is minimised; the weights of one that is a module are moved too.
        here: this process; with several, each gets the weights of the first.

    Attributes:
        model: in train mode, but for what is frozen.
        averaged: its moving average, in eval mode: what is validated and kept.
    """

    def __init__(self, model: Detector, settings: TrainSettings, loss: Loss, here: World) -> None:
        # convs on a CPU and tensor cores read the channels of a pixel together
        self.model = model.to(here.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        freeze(self.model, settings.freeze)
        training_mode(self.model)
        self._network: nn.Module = self.model
        if here.size > 1:
            self._network = DistributedDataParallel(self.model)
        self.averaged = copy.deepcopy(self.model).eval().requires_grad_(False)
        self._learnt = loss.to(here.device) if isinstance(loss, nn.Module) else nn.Module()
        self._optimiser = make_optimiser(nn.ModuleList((self.model, self._learnt)), settings)
        self._type = _precision(settings, here.device)
        half = self._type == torch.float16  # whose small gradients would vanish
        self._scaler = torch.amp.GradScaler(here.device.type, enabled=half)
        self._loss, self._here = loss, here

    def learn(self, batch: Batch, rate: float, decay: float, plain: bool) -> dict[str, float]:
        """Take one step; the parts of the loss, meant over all processes.

        Raises:
            FloatingPointError: the loss is not finite; no weight was changed.
        """
        device = self._here.device
        images = batch.images.to(device, non_blocking=True)
        images = images.to(torch.float32, memory_format=torch.channels_last)
        with torch.autocast(device.type, self._type, enabled=self._type != torch.float32):
            parts = self._loss(self._network, images, batch, plain)
        values = mean_over_processes(torch.stack([part.detach() for part in parts.values()]))
        found = dict(zip(parts, values.tolist(), strict=True))
        if not np.isfinite([*found.values()]).all():
            raise FloatingPointError(_listed(found))
        self._move(torch.stack([*parts.values()]).sum(), rate)
        update_average(self.averaged, self.model, decay)
        return found

    def _move(self, loss: Tensor, rate: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values."""
        gpu = self._here.device.type == "cuda"
        return {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "loss": self._learnt.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "rng": torch.get_rng_state(),
            "rng_gpu": torch.cuda.get_rng_state() if gpu else None,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` gave."""
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self._learnt.load_state_dict(state["loss"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["rng"])
        if state["rng_gpu"] is not None and self._here.device.type == "cuda":
            torch.cuda.set_rng_state(state["rng_gpu"])


def digest_of(model: nn.Module) -> str:
    """sha256 of the weights, by name and value."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def stop_not_finite(batch: Batch, where: str, found: str, path: Path) -> EdgecvError:
    """The error of a loss that is not finite; the batch is saved as `path`, an npz file."""
    counts = [len(ids) for ids in batch.class_ids]
    np.savez_compressed(
        path,
        images=batch.images.numpy(),
        boxes_xyxy=torch.cat([*batch.boxes_xyxy]).numpy(),
        class_ids=torch.cat([*batch.class_ids]).numpy(),
        pictures=np.repeat(np.arange(len(counts)), counts),
        indices=np.array(batch.indices),
    )
    return EdgecvError(
        f"{where}: the loss is not finite ({found}). The batch is saved as {path}, and the last "
        "checkpoint is kept. Look at its boxes; else lower the rate with --set train.lr=..., or "
        "compute in full precision with --set train.precision=fp32"
    )


def _precision(settings: TrainSettings, device: torch.device) -> torch.dtype:
    amp = settings.precision == "amp" or (settings.precision == "auto" and device.type == "cuda")
    if not amp:
        return torch.float32
    bfloat = device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if bfloat else torch.float16


def _listed(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in parts.items())
