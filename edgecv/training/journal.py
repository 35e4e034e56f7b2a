"""What a training tells: a line an epoch, a live bar, history.jsonl, and logs for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from edgecv.bundle import write_atomically
from edgecv.progress import noted_bar, say

HISTORY, TENSORBOARD = "history.jsonl", "tensorboard"

# of one epoch: epoch and step from 1, lr, loss by part and in total, seconds; and where it was
# validated mAP, mAP50, per_class, validation_seconds
Row = dict[str, Any]


class Journal:
    """Tells of one training: `step` after each step, `add` after each epoch.

    Args:
        folder: of the training.
        history: rows of the epochs that are done.
        epochs: of the whole training.
        steps: in an epoch.
        done: steps that are done.
        shown: whether to tell at all; of several processes only one does.
    """

    def __init__(
        self,
        folder: Path,
        history: Sequence[Row],
        epochs: int,
        steps: int,
        done: int,
        shown: bool,
    ) -> None:
        self._folder, self._shown = folder, shown
        self._history = [*history]
        self._epochs, self._steps, self._done = epochs, steps, done

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show a bar meanwhile, and close the logs at the end."""
        if not self._shown:
            yield
            return
        self._write()
        # what was logged after the last checkpoint is logged again
        with SummaryWriter(self._folder / TENSORBOARD, purge_step=self._done + 1) as self._logs:
            with noted_bar(self._epochs * self._steps, self._done) as self._show:
                yield

    def step(self, epoch: int, loss: float) -> None:
        """Tell of a step of an epoch, from 0."""
        if not self._shown:
            return
        scores = [row["mAP"] for row in self._history if "mAP" in row]
        score = f", mAP {scores[-1]:.3f}" if scores else ""
        self._show(f"epoch {epoch + 1}/{self._epochs}", f", loss {loss:.2f}{score}")

    def add(self, row: Row) -> None:
        """Tell of an epoch."""
        if not self._shown:
            return
        self._history.append(row)
        self._write()
        parts = {f"loss/{name}": value for name, value in row["loss"].items()}
        scores = {f"validation/{name}": row[name] for name in ("mAP", "mAP50") if name in row}
        for name, value in {**parts, **scores, "lr": row["lr"]}.items():
            self._logs.add_scalar(name, value, row["step"])
        self._logs.flush()
        say(line(row, self._epochs))

    def _write(self) -> None:
        rows = "".join(json.dumps(row) + "\n" for row in self._history)
        write_atomically(self._folder / HISTORY, rows)


def line(row: Mapping[str, Any], epochs: int) -> str:
    """An epoch in one line."""
    loss = row["loss"]
    parts = " ".join(f"{name} {value:.2f}" for name, value in loss.items() if name != "total")
    score = f"  mAP {row['mAP']:.4f}" if "mAP" in row else ""
    return (
        f"epoch {row['epoch']:>4}/{epochs}  loss {loss['total']:.3f} ({parts})  "
        f"lr {row['lr']:.2g}{score}  {row['seconds']:.1f} s"
    )
