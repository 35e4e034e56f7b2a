"""Several processes that train one network, as torchrun starts them; alone, all this is nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from edgecv.errors import UsageError

# the others wait while the first loads, hashes and validates
PATIENCE = timedelta(hours=6)


class World(NamedTuple):
    """Which process this is.

    Attributes:
        rank: from 0; the first alone writes and says anything.
        size: number of processes.
        device: what this one computes on.
    """

    rank: int
    size: int
    device: torch.device


def world() -> World:
    """This process among those that torchrun started (RANK, WORLD_SIZE, LOCAL_RANK)."""
    local = int(os.environ.get("LOCAL_RANK", "0"))
    gpu = torch.cuda.is_available() and torch.cuda.device_count() > local
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    return World(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")), device)


@contextmanager
def joined() -> Iterator[World]:
    """Meet the other processes, when there are any, and part from them at the end."""
    here = world()
    if here.size == 1 or distributed.is_initialized():
        yield here
        return
    backend = "gloo"
    if here.device.type == "cuda":
        backend = "nccl"
        torch.cuda.set_device(here.device)
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield here
    finally:
        distributed.destroy_process_group()


def from_first(value: Any) -> Any:
    """What the first process passes here, in every process.

    Raises:
        UsageError: there are others, and nobody made them meet.
    """
    if not distributed.is_initialized():
        if world().size > 1:
            raise UsageError(
                "WORLD_SIZE is set, so there are several processes, but only 'edgecv train' lets "
                "them work together: torchrun --nproc-per-node N -m edgecv train ..."
            )
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0, device=world().device)
    return box[0]


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes, in each of them; without a gradient."""
    if not distributed.is_initialized():
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def wait_for_others() -> None:
    """Go on when all processes are here."""
    if distributed.is_initialized():
        distributed.barrier()
