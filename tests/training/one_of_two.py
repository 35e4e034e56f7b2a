"""One of the processes that test_processes.py starts: `python one_of_two.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from made_shapes import Shapes, quick, small_network

from edgecv.training.batches import batches
from edgecv.training.learner import Learner
from edgecv.training.losses import detection_loss
from edgecv.training.processes import from_first, joined, mean_over_processes, wait_for_others

SETTINGS = quick(batch=8)


def main(folder: Path) -> None:
    with joined() as here:
        torch.manual_seed(here.rank)
        learner = Learner(small_network(seed=here.rank), SETTINGS, detection_loss, here)
        # statistics are those of a process's own part; without them the parts add up exactly
        learner.model.eval()
        for batch in batches(Shapes(8), SETTINGS, 64, 0, 0, here.rank, here.size):
            parts = learner.learn(batch, 0.01, 0.5, True)
        weights = learner.model.state_dict()
        mean = mean_over_processes(torch.tensor([float(here.rank)]))
        value = from_first({"rank": here.rank})
        wait_for_others()
        torch.save({"weights": weights, "parts": parts, "mean": mean, "value": value,
                    "world": (here.rank, here.size)}, folder / f"{here.rank}.pt")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
