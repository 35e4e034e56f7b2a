"""A program that trains, or begins to: `python stopped_training.py FOLDER...`, one after another.

It prints "step" after each checkpoint, so that a test can kill it, and then the history.
"""

from __future__ import annotations

import sys
from pathlib import Path

from made_shapes import Shapes, quick, small_network

from edgecv.training import loop
from edgecv.training.resume import write_state

SETTINGS = quick(
    epochs=3, batch=4, validate_every=2, checkpoint_every_s=0, workers=1, augment={}, seed=5
)


def told(folder: Path, state: dict[str, object]) -> None:
    write_state(folder, state)
    print("step", flush=True)


def main() -> None:
    loop.write_state = told  # type: ignore[attr-defined]
    for name in sys.argv[1:]:
        task = loop.Task(Shapes(12), Shapes(4, first=100), SETTINGS, 64, Path(name))
        trained = loop.train(small_network(), task)
        print("history", [(r["epoch"], r["loss"], r.get("mAP")) for r in trained.history])


if __name__ == "__main__":
    main()
